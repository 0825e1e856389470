"""Daphne, through a thin subclass that mends what the WebSocket protocol alone cannot.

Stock daphne turns `//ws/…` into an error 500, logs query strings (the official SDKs put keys
there), never makes `send` wait, and cancels every application at SIGTERM.
"""

import asyncio
import contextvars
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

# First of all: it installs the reactor.
from config.server.reactor import loop

# isort: split
import daphne.server  # type: ignore[import-untyped]
from daphne.http_protocol import HTTPFactory, WebRequest  # type: ignore[import-untyped]
from OpenSSL import SSL
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    STDLibLogObserver,
    globalLogBeginner,
)
from twisted.protocols.tls import TLSMemoryBIOFactory

from config.server.daphne_websocket import (
    Inbox,
    Message,
    WebSocket,
    WebSockets,
    Writable,
    reactor,
)
from config.server.lifecycle import Application, Hooks, run
from config.server.limits import (
    CUT_TIMEOUT,
    MAX_BODY_BYTES,
    PING_INTERVAL,
    PING_TIMEOUT,
    SERVER_DRAINING,
    ClientDisconnected,
)
from config.server.sockets import Endpoint, Listener

logger = logging.getLogger(__name__)
access_logger = logging.getLogger("daphne.access")

SLASHES = re.compile(rb"/{2,}")


def collapse_slashes(uri: bytes) -> bytes:
    """Return a request target whose path has no repeated slash; the query is left alone."""
    path, mark, query = uri.partition(b"?")
    return (SLASHES.sub(b"/", path) if path.startswith(b"/") else path) + mark + query


def log_access(protocol: str, action: str, details: dict[str, Any]) -> None:
    """Log what daphne did, without the query string."""
    path = details["path"].partition("?")[0]
    client = details["client"]
    if protocol == "http":
        access_logger.info('%s - "%s %s" %d', client, details["method"], path, details["status"])
    elif action != "connecting":
        access_logger.info('%s - "WebSocket %s" [%s]', client, path, action)


class Request(Writable, WebRequest):  # type: ignore[misc]  # daphne has no types
    """An HTTP request, or the handshake of a WebSocket."""

    uri: bytes
    path: bytes
    body_bytes = 0

    def process(self) -> Any:
        self.uri, self.path = collapse_slashes(self.uri), collapse_slashes(self.path)
        if self.server.draining:
            self.channel.persistent = False
            return self.basic_error(503, b"Service Unavailable", "The server is ending.")
        if self.body_bytes > MAX_BODY_BYTES:
            return self.basic_error(413, b"Content Too Large", "The request body is too large.")
        return super().process()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        self.body_bytes += len(data)
        if self.body_bytes <= MAX_BODY_BYTES:
            super().handleContentChunk(data)

    def is_gone(self) -> bool:
        return bool(self.finished) or self.channel is None

    def handle_reply(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self.producer is None:
            self.registerProducer(self, True)
        super().handle_reply(message)

    def finish(self) -> None:
        if self.producer is not None:
            self.unregisterProducer()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self.writable.set()
        super().connectionLost(reason)


class Requests(HTTPFactory):  # type: ignore[misc]  # daphne has no types
    """The factory of HTTP connections."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = Request
        return protocol

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802
        return [b"http/1.1"]  # a WebSocket cannot be had over Twisted's HTTP/2


class Certificate:
    """A TLS context for Twisted, with the whole chain (its own helper sends the leaf only)."""

    def __init__(self, chain: Path, key: Path) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.use_certificate_chain_file(str(chain))
        self._context.use_privatekey_file(str(key))

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name
        return self._context


class DaphneServer(daphne.server.Server):  # type: ignore[misc]  # daphne has no types
    """Carries connections for `lifecycle.run`; daphne's own `run` is not used."""

    def __init__(self, application: Application) -> None:
        super().__init__(
            application,
            endpoints=["listening sockets are handed to start()"],
            signal_handlers=False,
            action_logger=log_access,
            websocket_timeout=-1,  # the application ends conversations, not the server
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            server_name="",
        )
        self.draining = False
        self.connections: dict[Any, dict[str, Any]] = {}
        self.ports: list[Any] = []
        self.applications: set[asyncio.Task[None]] = set()

    # For `lifecycle.run` -----------------------------------------------------------

    async def start(self, listeners: Sequence[Listener]) -> None:
        self.http_factory = Requests(self)
        self.ws_factory = WebSockets(self)
        for listener in listeners:
            factory = self._factory_for(listener.endpoint)
            sock = listener.socket
            self.ports.append(reactor.adoptStreamPort(sock.fileno(), sock.family, factory))
            sock.close()  # Twisted has a copy of its own
        self.application_checker()
        self.timeout_checker()

    def _factory_for(self, endpoint: Endpoint) -> Any:
        if endpoint.certificate is None or endpoint.key is None:
            return self.http_factory
        certificate: Any = Certificate(endpoint.certificate, endpoint.key)
        return TLSMemoryBIOFactory(certificate, False, self.http_factory)

    async def stop_listening(self) -> None:
        self.draining = True
        for port in self.ports:
            stopped = port.stopListening()  # a Deferred, unless it was closed already
            if stopped is not None:
                await stopped.asFuture(asyncio.get_running_loop())

    def running(self) -> set["asyncio.Task[None]"]:
        return set(self.applications)

    async def cut(self) -> None:
        sockets = [each for each in self.connections if isinstance(each, WebSocket)]
        for socket in sockets:
            if not socket.is_gone():
                socket.handle_close(dict(zip(("code", "reason"), SERVER_DRAINING, strict=True)))
        for application in self.applications:
            application.cancel()
        ends = [asyncio.ensure_future(socket.closed.wait()) for socket in sockets]
        if waiting := {*self.applications, *ends}:
            await asyncio.wait(waiting, timeout=CUT_TIMEOUT)
        for end in ends:
            end.cancel()

    # For the protocols -------------------------------------------------------------

    def protocol_disconnected(self, protocol: Any) -> None:
        # A refused socket may be reaped before its connection is lost.
        if protocol in self.connections:
            super().protocol_disconnected(protocol)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
        queue: asyncio.Queue[Message] = asyncio.Queue()
        if isinstance(protocol, WebSocket):
            queue = Inbox(protocol)
            scope["scheme"] = "wss" if protocol.transport_details.is_secure else "ws"
            scope["extensions"] = {"websocket.http.response": {}}
        # A context of its own: the reactor's callbacks carry the one of whichever application
        # resumed reading last, and with it another request's tenant.
        task = asyncio.get_running_loop().create_task(
            self._run_application(protocol, scope, queue.get), context=contextvars.Context()
        )
        self.connections[protocol]["application_instance"] = task
        self.applications.add(task)
        task.add_done_callback(self.applications.discard)
        return queue

    async def _run_application(
        self, protocol: Any, scope: dict[str, Any], receive: Callable[[], Awaitable[Message]]
    ) -> None:
        try:
            await self.application(scope, receive, partial(self.handle_reply, protocol))
        except ClientDisconnected:
            logger.debug("The application ended because its client was gone")
        if isinstance(protocol, WebSocket) and not protocol.is_gone():
            logger.error("The application returned and left its socket open")
            protocol.handle_close({"code": 1011})

    async def handle_reply(self, protocol: Any, message: Message) -> None:
        # A close does not wait: a stalled reader is what it may have to end.
        if message["type"] != "websocket.close":
            await protocol.writable.wait()
            if protocol.is_gone():
                # Daphne returns at once; an application that only sends would hold the loop.
                await asyncio.sleep(0)
        if isinstance(protocol, WebSocket):
            protocol.handle_reply(message)
        else:
            await super().handle_reply(protocol, message)


def serve_daphne(application: Application, listeners: Sequence[Listener], hooks: Hooks) -> None:
    """Serve until a signal; see `config.server.serve`."""
    # Twisted's and autobahn's chatter holds requests; what must not be missed is critical.
    critical: Any = LogLevelFilterPredicate(defaultLogLevel=LogLevel.critical)
    to_logging: Any = STDLibLogObserver("twisted")
    observer: Any = FilteringLogObserver(to_logging, [critical])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)

    asyncio.set_event_loop(loop)
    main = loop.create_task(run(DaphneServer(application), listeners, hooks))
    main.add_done_callback(lambda _: reactor.stop())
    reactor.run(installSignalHandlers=False)
    loop.run_until_complete(loop.shutdown_asyncgens())
    main.result()
