"""The web server: daphne or uvicorn with what a live conversation needs mended in each.

Both send any close code with its reason, make `send` wait for a slow reader, stop reading for
a slow application, refuse messages above 4 MiB with 1009, and drain on SIGTERM. Why each is
needed stands beside it in `daphne`, `daphne_websocket` and `uvicorn`.
"""

from collections.abc import Iterable
from typing import Literal

from config.server.lifecycle import Application, Hook, Hooks
from config.server.sockets import Endpoint, StartError, bind

__all__ = [
    "Application",
    "Endpoint",
    "Hook",
    "Hooks",
    "ServerName",
    "StartError",
    "serve",
]

ServerName = Literal["daphne", "uvicorn"]


def serve(
    application: Application,
    *,
    server: ServerName,
    endpoints: Iterable[Endpoint],
    hooks: Hooks | None = None,
) -> None:
    """Serve an ASGI application on all endpoints in this process until SIGTERM or SIGINT.

    Returns when the drain is over. Needs the main thread, and daphne can be served once per
    process. Raises StartError, and whatever `hooks.on_ready` raises.
    """
    listeners = bind(endpoints)
    try:
        if server == "daphne":
            from config.server.daphne import serve_daphne  # noqa: PLC0415 - sets up the reactor

            serve_daphne(application, listeners, hooks or Hooks())
        else:
            from config.server.uvicorn import serve_uvicorn  # noqa: PLC0415 - one or the other

            serve_uvicorn(application, listeners, hooks or Hooks())
    finally:
        for listener in listeners:
            listener.socket.close()
