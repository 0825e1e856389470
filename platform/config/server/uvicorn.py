"""Uvicorn on uvloop with the sans-I/O protocol of `websockets`, and little to mend.

Its `send` waits for a slow reader already, and its reading for a slow application. But a reader
that never reads again keeps its socket for ever, a reset may overtake the close 1009, a pong
that waits in our own buffer counts as a dead client, and SIGTERM cuts sockets at once.
"""

import asyncio
import contextvars
import itertools
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from config.server.lifecycle import Application, Hooks, run
from config.server.limits import (
    CLOSE_TIMEOUT,
    CUT_TIMEOUT,
    LINGER_TIMEOUT,
    MAX_FRAGMENTS,
    MAX_MESSAGE_BYTES,
    PING_INTERVAL,
    PING_TIMEOUT,
    SERVER_DRAINING,
    close_reason,
)
from config.server.sockets import Endpoint, Listener

logger = logging.getLogger(__name__)
protocol_logger = logging.getLogger("websockets.server")


class WebSocket(WebSocketsSansIOProtocol):
    """One socket. Uvicorn calls all of it but `send` from the loop's callbacks."""

    late_pong = b""
    heard_at = 0.0  # loop time

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Its lines name no connection, and at DEBUG they show the frames.
        self.conn.logger = protocol_logger
        self.app = partial(self._run_application, self.app)

    # From the client --------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        # An empty context for the application: on a connection that has carried requests the
        # callbacks may run in the context of one of them, and with it in its tenant.
        contextvars.Context().run(super().handle_connect, event)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "message too big")
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        pong = b"".join(self.conn.data_to_send())  # empty if an earlier ping took it along
        if self.writable.is_set():
            self.transport.write(pong)
        elif pong:
            # RFC 6455, section 5.5.3: only the latest ping needs its pong. Otherwise a client
            # that pings and does not read would fill our memory.
            self.late_pong = pong

    def resume_writing(self) -> None:
        super().resume_writing()
        pong, self.late_pong = self.late_pong, b""
        if pong and not self.close_sent and not self.transport.is_closing():
            self.transport.write(pong)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._give_up_on_unread()

    def handle_parser_exception(self) -> None:
        if self.close_sent:
            return  # what comes after a failure is thrown away
        if (close := self.conn.close_sent) is None:
            self.transport.close()
            return
        self._leave(close.code, close.reason)
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._abort_after(CLOSE_TIMEOUT)
        else:
            self.close_timer = self.loop.call_later(LINGER_TIMEOUT, self.transport.close)

    def keepalive_timeout(self) -> None:
        if self.read_paused or self.heard_at > self.ping_sent_at:
            # It lives; the pong waits behind what the application has not taken yet, or on a
            # slow line behind what we sent before the ping.
            logger.debug("A ping is unanswered, but the client is alive or not being read")
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
        else:
            super().keepalive_timeout()
            self._abort_after(CLOSE_TIMEOUT)

    # From the application and the server --------------------------------------------

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            # It does not wait: a stalled reader is what it may have to end.
            self.writable.set()
            await super().send({**message, "reason": close_reason(message.get("reason"))})
            if self.close_timer is not None:
                self._abort_after(CLOSE_TIMEOUT)
            return
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    async def _run_application(
        self, application: Application, scope: Any, receive: Any, send: Any
    ) -> None:
        try:
            await application(scope, receive, send)
        finally:
            if self._is_open():
                # It crashed, or returned and forgot its socket: uvicorn would drop it codeless.
                self.conn.send_close(CloseCode.INTERNAL_ERROR)
                self._leave(CloseCode.INTERNAL_ERROR, "")
                self._abort_after(CLOSE_TIMEOUT)

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._give_up_on_unread()

    def shutdown(self) -> None:
        if self._is_open():
            self.stop_keepalive()
            self.conn.send_close(*SERVER_DRAINING)
            self._leave(*SERVER_DRAINING)
            self._abort_after(CUT_TIMEOUT)
        elif not self.transport.is_closing():
            super().shutdown()

    # Endings ------------------------------------------------------------------------

    def _is_open(self) -> bool:
        return self.conn.state is State.OPEN and not self.transport.is_closing()

    def _leave(self, code: int, reason: str) -> None:
        """Write the close frame that the connection holds, and tell the application."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.writable.set()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _abort_after(self, seconds: float) -> None:
        # `transport.close` would wait until a stalled reader has read its buffer.
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(seconds, self.transport.abort)

    def _give_up_on_unread(self) -> None:
        if self.transport.is_closing() and self.transport.get_write_buffer_size() > 0:
            self._abort_after(CLOSE_TIMEOUT)


class UvicornServer:
    """A uvicorn server for each endpoint, on one loop, for `lifecycle.run`."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._servers: list[uvicorn.Server] = []
        self._ticks: list[asyncio.Task[None]] = []

    async def start(self, listeners: Sequence[Listener]) -> None:
        for endpoint, group in itertools.groupby(listeners, lambda listener: listener.endpoint):
            config = self._config_for(endpoint)
            config.load()
            server = uvicorn.Server(config)
            server.lifespan = config.lifespan_class(config)
            await server.startup(sockets=[listener.socket for listener in group])
            self._servers.append(server)
            # Keeps the Date header; ends when `should_exit` is set.
            self._ticks.append(asyncio.create_task(server.main_loop()))

    def _config_for(self, endpoint: Endpoint) -> uvicorn.Config:
        return uvicorn.Config(
            self._application,
            interface="asgi3",
            http="h11",
            ws=WebSocket,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_ping_interval=PING_INTERVAL,
            ws_ping_timeout=PING_TIMEOUT,
            ws_per_message_deflate=False,  # several times the CPU on audio
            lifespan="off",
            log_config=None,  # config.logging has the word
            proxy_headers=False,  # the application reads them, from TRUSTED_PROXIES only
            server_header=False,
            timeout_graceful_shutdown=int(CUT_TIMEOUT),
            ssl_certfile=endpoint.certificate,
            ssl_keyfile=endpoint.key,
            reset_contextvars=True,  # for the reason given in WebSocket.handle_connect
        )

    async def stop_listening(self) -> None:
        for server in self._servers:
            for listening in server.servers:
                listening.close()
            for connection in list(server.server_state.connections):
                if not isinstance(connection, WebSocket):
                    connection.shutdown()  # now if it is idle, otherwise after its response
        await asyncio.sleep(0)  # uvloop closes the sockets in its next turn

    def running(self) -> set["asyncio.Task[None]"]:
        return set().union(*(server.server_state.tasks for server in self._servers))

    async def cut(self) -> None:
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*(server.shutdown() for server in self._servers), *self._ticks)


def serve_uvicorn(application: Application, listeners: Sequence[Listener], hooks: Hooks) -> None:
    """Serve until a signal; see `config.server.serve`."""
    loop_factory = uvicorn.Config(application, loop="auto", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run(UvicornServer(application), listeners, hooks))
