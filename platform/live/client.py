"""A connection to the Live API: the asyncio shell around `live.session`.

It moves bytes and keeps time; every decision is the session's. Two tasks live as long as the
connection: one reads and decodes, one writes what waits in the outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from ssl import SSLContext

from websockets import protocol
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed

from live.audio import INPUT_RATE
from live.auth import Auth
from live.endpoint import Endpoint
from live.errors import Diagnosis, LiveError, ProtocolError
from live.events import Event, Ready, Usage
from live.handshake import CLOSE_TIMEOUT, Connector, DirectConnect, open_socket
from live.messages import Content, FunctionResponse
from live.outbox import Outbox
from live.session import Session, State, Turn
from live.setup import SessionConfig
from live.setup.tools import AnyTool

# Decoded messages that nobody takes: above this, reading pauses and TCP holds the service back.
INBOX_BYTES = 1024 * 1024
# What may lie in the socket's own buffer when a message goes straight there.
AHEAD_BYTES = 16 * 1024

_UNREADABLE = Diagnosis(
    "frame_malformed",
    "The service sent a frame that is too big or malformed.",
    "Resume the session.",
    permanent=False,
    retry_after=1.0,
)


async def connect(  # noqa: PLR0913 - everything after the third is an option by name
    endpoint: Endpoint,
    auth: Auth,
    config: SessionConfig,
    *,
    handle: str | None = None,
    ssl: SSLContext | None = None,
    connector: Connector = DirectConnect,
    clock: Callable[[], float] = time.monotonic,
    setup_timeout: float = 10.0,
) -> Connection:
    """Open a connection and wait until the service has accepted the setup.

    `handle` resumes a session. Close the old connection first: while the service sees it open,
    every resume fails. `ssl` is the TLS context, of the system when absent. `setup_timeout`, in
    seconds, covers the handshake and the setup together. Cancelling leaves nothing open.

    Raises a `LiveError` of the branch that tells who can act.
    """
    headers = await auth.headers()
    endpoint = auth.endpoint_for(endpoint)
    session = Session(
        config, endpoint, now=clock(), handle=handle or "", setup_timeout=setup_timeout
    )
    socket = await open_socket(
        endpoint,
        headers,
        query=auth.query(),
        ssl=ssl,
        connector=connector,
        open_timeout=setup_timeout,
    )
    connection = Connection(socket, session, clock=clock)
    async with contextlib.AsyncExitStack() as unless_ready:
        unless_ready.push_async_callback(connection.close)
        await connection.set_up()
        unless_ready.pop_all()
    return connection


class Connection:
    """One open connection of a Live session. Made by `connect`.

    The `send_…` methods never wait: the messages go into a bounded outbox, in order. When the
    session has ended, audio is dropped and counted, and the others raise the error that ended it.
    """

    def __init__(
        self,
        socket: ClientConnection,
        session: Session,
        *,
        clock: Callable[[], float] = time.monotonic,
        outbox: Outbox | None = None,
    ) -> None:
        self._socket = socket
        self._session = session
        self._clock = clock
        self._outbox = outbox or Outbox()
        self._outbox_filled = asyncio.Event()
        self._inbox: list[Event] = []
        self._inbox_size = 0
        self._inbox_changed = asyncio.Event()
        self._inbox_taken = asyncio.Event()
        self._error: LiveError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_deadline: float | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # -- What a session knows ------------------------------------------------------------------

    @property
    def handle(self) -> str:
        """The newest resumption handle, empty before the first."""
        return self._session.handle

    @property
    def resumable(self) -> bool:
        """Whether the service said that the session can be resumed at this moment."""
        return self._session.resumable

    @property
    def open_calls(self) -> frozenset[str]:
        """Ids of the tool calls that are neither answered nor cancelled."""
        return frozenset(self._session.open_calls)

    @property
    def usage(self) -> Usage:
        """What was used so far on this connection, added up by modality."""
        return self._session.usage

    @property
    def turn(self) -> Turn:
        """What the model is doing."""
        return self._session.turn

    @property
    def audio_dropped_bytes(self) -> int:
        """PCM bytes given to `send_audio` that never went out, in this connection's life."""
        return self._outbox.audio_dropped_bytes

    # -- Receiving -----------------------------------------------------------------------------

    async def receive(self) -> list[Event]:
        """Wait for the next events, and take all that are there.

        An empty list means that we closed the connection: there will be nothing more. Events that
        came before an error are given first. Cancelling loses nothing.

        Raises the `LiveError` that ended the session, when it was not us, each time.
        """
        while not self._inbox:
            if self._error is not None:
                raise self._error
            if self._session.state is State.CLOSED:
                return []
            self._inbox_changed.clear()
            await self._inbox_changed.wait()
        events, self._inbox = self._inbox, []
        self._inbox_size = 0
        self._inbox_taken.set()
        return events

    # -- Sending -------------------------------------------------------------------------------

    def send_audio(self, pcm: bytes, rate: int = INPUT_RATE) -> None:
        """Queue a piece of the user's sound: PCM16 little-endian mono at `rate` Hz.

        Never raises and never waits: without room the oldest audio is dropped and counted.
        """
        if self._session.state is State.CLOSED:
            self._outbox.audio_dropped_bytes += len(pcm)
            return
        message = self._session.audio(pcm, rate)
        if not self._write_now(message):
            self._outbox.put_audio(message, len(pcm))
            self._outbox_filled.set()

    def end_audio(self) -> None:
        """Say that the microphone pauses. Raises as `send_text`."""
        self._put(self._session.audio_end)

    def start_activity(self) -> None:
        """Say that the user begins to speak, with manual activity. Raises as `send_text`."""
        self._put(self._session.activity_start)

    def end_activity(self) -> None:
        """Say that the user has spoken, with manual activity. Raises as `send_text`."""
        self._put(self._session.activity_end)

    def send_video(self, frame: bytes, mime_type: str = "image/jpeg") -> None:
        """Send a picture of what the user sees or shows: JPEG or PNG, at most one a second.

        Raises as `send_text`.
        """
        self._put(lambda: self._session.video(frame, mime_type))

    def send_text(self, text: str) -> None:
        """Send what the user typed; the model answers at once.

        Raises `InvalidRequest` for what the service would refuse, `NetworkError` when the outbox
        is full, the error that ended the session, or `ProtocolMisuse` after `close`.
        """
        self._put(lambda: self._session.text(text))

    def send_content(self, turns: Sequence[Content], turn_complete: bool = True) -> None:
        """Append turns to the history; interrupts a running answer. Raises as `send_text`."""
        self._put(lambda: self._session.content(turns, turn_complete))

    def send_tool_responses(self, responses: Sequence[FunctionResponse]) -> None:
        """Answer tool calls, each by its id. Raises as `send_text`."""
        self._put(lambda: self._session.tool_responses(responses))

    def update_context(
        self, *, system_instruction: str | None = None, tools: Sequence[AnyTool] | None = None
    ) -> None:
        """Change the instruction, the tools or both from now on. Raises as `send_text`."""
        self._put(
            lambda: self._session.context_update(system_instruction=system_instruction, tools=tools)
        )

    def _put(self, build: Callable[[], bytes]) -> None:
        if self._error is not None:
            raise self._error
        message = build()
        if not self._write_now(message):
            self._outbox.put(message)
            self._outbox_filled.set()

    def _write_now(self, message: bytes) -> bool:
        """Give the socket a message without waking the writer; False while it is behind.

        `broadcast` is how `websockets` sends without waiting; the task and the lock of `send`
        cost as much as the message itself.
        """
        behind = self._outbox.size or self._socket.transport.get_write_buffer_size() > AHEAD_BYTES
        if behind:
            return False
        broadcast((self._socket,), message, text=True)
        return True

    # -- Beginning and end -----------------------------------------------------------------------

    async def set_up(self) -> None:
        """Send the setup and wait for the answer. `connect` does it.

        Raises `LiveError` when the service does not accept it in time.
        """
        setup = self._session.opened(self._clock())
        self._set_timer()
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write(setup))
        while self._session.state is State.SETUP_SENT:
            self._inbox_changed.clear()
            await self._inbox_changed.wait()
        # An error right behind the acceptance is for `receive`, after what came before it.
        accepted = any(isinstance(event, Ready) for event in self._inbox)
        if self._error is not None and not accepted:
            raise self._error

    async def close(self) -> None:
        """Close with a close frame, and wait until the service has seen it (5 s at most).

        What is still in the outbox is not sent. Closing twice does no harm.
        """
        self._session.close()
        self._stop()
        await self._close_socket()
        tasks = [task for task in (self._reader, self._writer, self._closing) if task is not None]
        if tasks:
            await asyncio.wait(tasks)

    def _fail(self, error: LiveError) -> None:
        """End the session for a reason that is not ours; the owner learns it by `receive`."""
        if self._session.state is not State.CLOSED:
            self._session.close()
        self._error = self._error or error
        self._stop()
        self._closing = asyncio.create_task(self._close_socket())

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is not None:
            self._writer.cancel()
        self._outbox.clear()
        self._inbox_changed.set()
        self._inbox_taken.set()

    async def _close_socket(self) -> None:
        if self._socket.state is protocol.State.CLOSED:
            return  # closing again may fail: `websockets` aborts the transport, closed or not
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._socket.close()
        except TimeoutError:
            # The peer takes no bytes: the close frame is stuck behind them.
            self._socket.transport.abort()

    # -- The tasks ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                data = await self._socket.recv(decode=False)
                # While we close, read on: the peer's close frame comes after its messages.
                if self._session.state is not State.CLOSED:
                    self._take(data)
                while self._inbox_size > INBOX_BYTES and self._session.state is not State.CLOSED:
                    self._inbox_taken.clear()
                    await self._inbox_taken.wait()
        except ConnectionClosed as closed:
            if self._session.state is not State.CLOSED:
                self._fail(self._error_of(closed))
        except LiveError as error:
            self._fail(error)

    def _take(self, data: bytes) -> None:
        events = self._session.receive(data, self._clock())
        if self._session.deadline != self._timer_deadline:
            self._set_timer()
        if events:
            self._inbox += events
            self._inbox_size += len(data)
            self._inbox_changed.set()

    def _error_of(self, closed: ConnectionClosed) -> LiveError:
        if closed.rcvd is not None:
            return self._session.lost(closed.rcvd.code, closed.rcvd.reason)
        lost = self._session.lost(1006, "")
        # A close frame from us, unasked: the library did not like what it read.
        return lost if closed.sent is None else ProtocolError(_UNREADABLE, closed.sent.code)

    async def _write(self, message: bytes | None) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader reports it
            while True:
                while message is not None:
                    await self._socket.send(message, text=True)
                    message = self._outbox.pop()
                self._outbox_filled.clear()
                await self._outbox_filled.wait()
                message = self._outbox.pop()

    # -- Time --------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_deadline = deadline = self._session.deadline
        if deadline is not None:
            delay = deadline - self._clock()
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        error = self._session.tick(self._clock())
        if error is not None:
            self._fail(error)
        else:
            self._set_timer()  # the clocks of the loop and of the session differ a little


__all__ = ["Connection", "Connector", "Endpoint", "SessionConfig", "connect"]
