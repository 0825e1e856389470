"""From start to drain: what is the same whichever server carries the sockets.

ASGI's lifespan does not exist under daphne, so both servers get the same hooks instead. On
SIGTERM or SIGINT the process says that it is going, gives those who ask before they send somebody
here time to hear it, stops listening, runs the drain hook, lets what is running end until a
deadline, and cuts the rest. The same signal once more cuts at once.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from config.server.limits import CUT_TIMEOUT
from config.server.sockets import Listener

logger = logging.getLogger(__name__)

Application = Callable[[Any, Any, Any], Awaitable[None]]
Hook = Callable[[], Awaitable[None]]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Hooks:
    """What the web process does besides serving, on the server's own loop.

    on_ready: runs before the first request; an exception ends the process.
    announce: gets the served URLs once requests are answered.
    on_drain: runs when no new connection is taken any more, before running sockets are cut.
    drain_timeout: seconds for `on_drain` and for the sockets to end by themselves.
    on_signal: is called at once when the process is to end; connections are still taken.
    notice: seconds between that and the end of listening.
    on_end: runs when no socket and no request is left.
    """

    on_ready: Hook | None = None
    on_drain: Hook | None = None
    announce: Callable[[Sequence[str]], None] | None = None
    drain_timeout: float = 20.0
    on_signal: Callable[[], None] | None = None
    notice: float = 0.0
    on_end: Hook | None = None


class WebServer(Protocol):
    """What `run` needs of a web server. All of it is called on the server's loop."""

    async def start(self, listeners: Sequence[Listener]) -> None:
        """Take connections."""

    async def stop_listening(self) -> None:
        """Refuse new connections and new requests; leave what is running alone."""

    def running(self) -> set["asyncio.Task[None]"]:
        """Return the applications that still run: one for a socket or a request."""

    async def cut(self) -> None:
        """End every connection, sockets with close code 1001."""


class Signals:
    """`stop` is set by the first signal, `hurry` by one that comes a second time."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self._seen: set[int] = set()

    @contextmanager
    def caught(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._receive, number)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def _receive(self, number: int) -> None:
        # One Ctrl-C may arrive as SIGINT from the terminal and SIGTERM from a supervisor.
        if number in self._seen:
            self.hurry.set()
        self._seen.add(number)
        self.stop.set()


async def run(server: WebServer, listeners: Sequence[Listener], hooks: Hooks) -> None:
    """Serve until a signal comes, then drain. Needs the main thread."""
    signals = Signals()
    urls = [listener.url for listener in listeners]  # `start` takes the sockets over
    with signals.caught():
        if hooks.on_ready is not None and not await _complete(hooks.on_ready(), signals.stop):
            return
        try:
            await server.start(listeners)
            if hooks.announce is not None:
                hooks.announce(urls)
            await signals.stop.wait()
            await _give_notice(hooks, signals.hurry)
        finally:
            await server.stop_listening()
            await _drain(server, hooks, signals.hurry)
            await server.cut()
            if hooks.on_end is not None:
                await _complete(_told(hooks.on_end), asyncio.Event(), CUT_TIMEOUT)


async def _give_notice(hooks: Hooks, hurry: asyncio.Event) -> None:
    if hooks.on_signal is not None:
        hooks.on_signal()
    if hooks.notice > 0:
        await _complete(asyncio.sleep(hooks.notice), hurry)


async def _drain(server: WebServer, hooks: Hooks, hurry: asyncio.Event) -> None:
    if not await _complete(_ended(server, hooks.on_drain), hurry, hooks.drain_timeout):
        logger.warning("Drain cut short: %d sockets and requests end now", len(server.running()))


async def _ended(server: WebServer, on_drain: Hook | None) -> None:
    if on_drain is not None:
        await _told(on_drain)
    while applications := server.running():
        await asyncio.wait(applications)


async def _told(hook: Hook) -> None:
    """Run a hook of the end, which must not keep the rest of it from happening."""
    try:
        await hook()
    except Exception:
        logger.exception("The drain hook failed")


async def _complete(
    work: Awaitable[None], interrupt: asyncio.Event, seconds: float | None = None
) -> bool:
    """Await `work` in a task of its own; cancel it at the interrupt or after `seconds`.

    Returns whether it completed. Its context variables stay in that task.
    """
    task = asyncio.create_task(_as_coroutine(work))
    interrupted = asyncio.create_task(interrupt.wait())
    await asyncio.wait({task, interrupted}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    interrupted.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait({task}, timeout=CUT_TIMEOUT)
    return False


def _as_coroutine(work: Awaitable[None]) -> Coroutine[Any, Any, None]:
    async def awaited() -> None:
        await work

    return awaited()
