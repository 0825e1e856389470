"""The ASGI application, and what lives beside it on the same loop.

`start` and `drain` are called by `manage.py web` on either server: ASGI's own lifespan does
not exist under daphne. Without them (`daphne config.asgi:application`) everything but the
in-process worker works.
"""

import os
import re
import sys
from pathlib import Path

# `platform/` is a source root; whoever loads this module by path needs the other one too.
ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from typing import Any, cast

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from config import health, urls  # noqa: F401 - now, and not while the first visitor waits
from conversations.api.reaching import SWITCHBOARD
from conversations.consumers import ConversationConsumer, UnknownPathConsumer
from conversations.dropin.consumer import DropInConsumer
from conversations.dropin.paths import SOCKET_PATH, VERTEX_SOCKET_PATH
from conversations.hosting import new_switchboard, new_worker, spare_the_collector
from conversations.worker import Worker

switchboard = new_switchboard()

# The part of the drain in which pages are to move by themselves, at a pause.
MOVE_WITHIN = 0.75

SLASHES = re.compile("/{2,}")


class CollapseSlashes:
    """`//ws/…` is `/ws/…`: the official JavaScript SDK sends two slashes."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if "//" in scope.get("path", ""):
            scope = {**scope, "path": SLASHES.sub("/", scope["path"])}
        await self._application(scope, receive, send)


class WithSwitchboard:
    """Lets the views of the API reach running conversations."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        await self._application({**scope, SWITCHBOARD: switchboard}, receive, send)


# Django's `path` is typed for views; Channels hands it ASGI applications.
sockets: list[Any] = [
    path("ws/conversations/", cast("Any", ConversationConsumer.as_asgi(switchboard=switchboard))),
    re_path(SOCKET_PATH, cast("Any", DropInConsumer.as_asgi(switchboard=switchboard))),
    re_path(VERTEX_SOCKET_PATH, cast("Any", DropInConsumer.as_asgi(switchboard=switchboard))),
    re_path("", cast("Any", UnknownPathConsumer.as_asgi())),
]
application = CollapseSlashes(
    ProtocolTypeRouter(
        {"http": WithSwitchboard(django_application), "websocket": URLRouter(sockets)}
    )
)


class Residents:
    """What lives beside the application: the process's ear on the bus and, perhaps, a worker."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    async def start(self) -> None:
        """Join the bus; start the worker where this process is its own (settings)."""
        bus = await switchboard.start()
        self._worker = new_worker(bus)
        if self._worker is not None:
            await self._worker.start()
        spare_the_collector()

    def leave(self) -> None:
        """The process is about to end: nobody new should be sent here."""
        health.is_leaving = True

    async def drain(self, within_s: float) -> None:
        """Tell the pages to move, or hand on what this process hosts itself. The sockets are cut
        in `within_s` seconds."""
        if self._worker is None:
            switchboard.move(within_s * MOVE_WITHIN)
        else:
            await self._worker.aclose(within_s * MOVE_WITHIN)
            switchboard.move(0.0)  # nobody hosts anything here any more

    async def close(self) -> None:
        """No socket is left: leave the bus and the links."""
        await switchboard.aclose()


residents = Residents()
start = residents.start
leave = residents.leave
drain = residents.drain
close = residents.close
