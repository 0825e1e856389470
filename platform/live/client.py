"""A session with the Live API: the asyncio shell around `live.session`.

It opens sockets, moves bytes and keeps time; every decision is the session's. One task lives as
long as the session and reads; each connection has one more, which writes what waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ssl import SSLContext

from websockets.asyncio.client import ClientConnection

from live.audio import INPUT_RATE
from live.auth import Auth
from live.connection import Connection
from live.endpoint import Endpoint
from live.errors import LiveError
from live.events import Event, Usage
from live.handshake import Connector, DirectConnect, open_socket
from live.messages import Content, FunctionResponse
from live.session import Comeback, Session, State, Turn
from live.setup import SessionConfig
from live.setup.tools import AnyTool

log = logging.getLogger(__name__)

# Decoded messages that nobody takes: above this, reading pauses and TCP holds the service back.
INBOX_BYTES = 1024 * 1024

_READS = frozenset({State.SETUP_SENT, State.READY, State.ROTATING})
_HAS_SOCKET = _READS | {State.LEAVING}


@dataclass(frozen=True, kw_only=True)
class Dialer:
    """Where a session's connections go, and with what. `ssl` is the system's when absent."""

    endpoint: Endpoint
    auth: Auth
    ssl: SSLContext | None = None
    connector: Connector = DirectConnect

    async def open(self, headers: Mapping[str, str], open_timeout: float) -> ClientConnection:
        """A socket. Raises a `LiveError` of the branch that tells who can act."""
        return await open_socket(
            self.auth.endpoint_for(self.endpoint),
            headers,
            query=self.auth.query(),
            ssl=self.ssl,
            connector=self.connector,
            open_timeout=open_timeout,
        )


async def connect(  # noqa: PLR0913 - everything after the third is an option by name
    endpoint: Endpoint,
    auth: Auth,
    config: SessionConfig,
    *,
    handle: str = "",
    comeback: Comeback | None = Comeback(),  # noqa: B008 - frozen
    history: Callable[[], Sequence[Content]] | None = None,
    ssl: SSLContext | None = None,
    connector: Connector = DirectConnect,
    clock: Callable[[], float] = time.monotonic,
    setup_timeout: float = 10.0,
) -> LiveSession:
    """Open a session and wait until the service has accepted the setup.

    The session goes on over as many connections as it takes; with `comeback=None` it ends with
    the first. `handle` resumes one. `history` tells what was said, in case the service has
    forgotten it; by itself a session remembers what was said in it. `ssl` is the TLS context, of
    the system when absent.
    `setup_timeout`, in seconds, covers the handshake and the setup together. Cancelling leaves
    nothing open.

    Raises a `LiveError` of the branch that tells who can act.
    """
    session = Session(
        config,
        auth.endpoint_for(endpoint),
        handle=handle,
        setup_timeout=setup_timeout,
        comeback=comeback,
        history=history,
    )
    dialer = Dialer(endpoint=endpoint, auth=auth, ssl=ssl, connector=connector)
    opened = LiveSession(session, dialer, clock=clock)
    async with contextlib.AsyncExitStack() as unless_ready:
        unless_ready.push_async_callback(opened.close)
        opened.start()
        await opened.ready()
        unless_ready.pop_all()
    return opened


class LiveSession:
    """A session over one connection after another. Made by `connect`.

    The `send_…` methods never wait: what cannot go out now is held, within bounds, in order. When
    the session has ended, audio is dropped and counted, and the others raise the error that ended
    it.
    """

    def __init__(
        self, session: Session, dialer: Dialer, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._dialer = dialer
        self._clock = clock
        self._connection: Connection | None = None
        self._inbox: list[Event] = []
        self._inbox_size = 0
        self._changed = asyncio.Event()  # the inbox or the state
        self._taken = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_deadline: float | None = None
        self._task: asyncio.Task[None] | None = None

    # -- What a session knows ------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._session.state

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
        """What was used so far, over all connections, added up by modality."""
        return self._session.usage

    @property
    def turn(self) -> Turn:
        """What the model is doing."""
        return self._session.turn

    @property
    def audio_dropped_bytes(self) -> int:
        """PCM bytes given to `send_audio` that never went out, in this session's life."""
        return self._session.outbox.audio_dropped_bytes

    @property
    def is_at_rest(self) -> bool:
        """Whether it can be left now and resumed elsewhere without anything being lost: it is
        connected, all that was given to it is out, no answer is coming or owed, no call is open
        and nobody speaks, as far as the service says so."""
        session = self._session
        return session.is_connected and session.is_idle and not session.outbox.size

    # -- Receiving -----------------------------------------------------------------------------

    async def receive(self) -> list[Event]:
        """Wait for the next events, and take all that are there.

        An empty list means that we closed the session: there will be nothing more. Events that
        came before an error are given first. Cancelling loses nothing.

        Raises the `LiveError` that ended the session, when it was not us, each time.
        """
        while not self._inbox:
            if self._session.error is not None:
                raise self._session.error
            if self._session.state is State.CLOSED:
                return []
            await self._change()
        events, self._inbox = self._inbox, []
        self._inbox_size = 0
        self._taken.set()
        return events

    # -- Sending -------------------------------------------------------------------------------

    def send_audio(self, pcm: bytes, rate: int = INPUT_RATE) -> None:
        """Queue a piece of the user's sound: PCM16 little-endian mono at `rate` Hz.

        Never raises and never waits: without room the oldest audio is dropped and counted.
        """
        if self._session.state is State.CLOSED:
            self._session.outbox.audio_dropped_bytes += len(pcm)
            return
        message = self._session.audio(pcm, rate)
        if message and not self._write_now(message):
            self._session.outbox.put_audio(message, len(pcm))
            self._wake_writer()

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

        Without a connection it is dropped; while the service is behind, the newest waits behind
        everything else. Raises as `send_text`, but never for want of room.
        """
        if self._session.error is not None:
            raise self._session.error
        message = self._session.video(frame, mime_type)
        if message and not self._write_now(message):
            self._session.outbox.put_picture(message)
            self._wake_writer()

    def send_text(self, text: str) -> None:
        """Send what the user typed; the model answers at once.

        Raises `InvalidRequest` for what the service would refuse, `NetworkError` when no more can
        be held, the error that ended the session, or `ProtocolMisuse` after `close`.
        """
        self._put(lambda: self._session.text(text), repeated=True)

    def send_content(self, turns: Sequence[Content], turn_complete: bool = True) -> None:
        """Append turns to the history; interrupts a running answer. Raises as `send_text`."""
        self._put(lambda: self._session.content(turns, turn_complete))

    def send_tool_responses(self, responses: Sequence[FunctionResponse]) -> None:
        """Answer tool calls, each by its id. Raises as `send_text`."""
        self._put(lambda: self._session.tool_responses(responses), repeated=True)

    def update_context(
        self, *, system_instruction: str | None = None, tools: Sequence[AnyTool] | None = None
    ) -> None:
        """Change the instruction, the tools or both from now on. Raises as `send_text`."""
        self._put(
            lambda: self._session.context_update(
                system_instruction=system_instruction, tools=tools
            ),
            repeated=True,
        )

    def _put(self, build: Callable[[], bytes], *, repeated: bool = False) -> None:
        if self._session.error is not None:
            raise self._session.error
        message = build()
        if message and not self._write_now(message):
            self._session.outbox.put(message, repeated=repeated)
            self._wake_writer()

    def _write_now(self, message: bytes) -> bool:
        return self._connection is not None and self._connection.write(message)

    def _wake_writer(self) -> None:
        if self._connection is not None:
            self._connection.wake()

    # -- Beginning and end -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, and go on until `close` or an error that ends the session."""
        self._task = asyncio.create_task(self._run(), name="live session")
        self._task.add_done_callback(lambda _: self._changed.set())

    async def ready(self) -> None:
        """Wait until the service has accepted the setup.

        Raises the `LiveError` that ended the session before.
        """
        # An error right behind the acceptance is for `receive`, after what came before it.
        while not self._session.has_begun:
            if self._session.error is not None:
                raise self._session.error
            if self._session.state is State.CLOSED:
                return
            await self._change()

    async def close(self) -> None:
        """Close with a close frame, and wait until the service has seen it (5 s at most).

        What is still held is not sent. Closing twice does no harm.
        """
        self._session.close()
        self._follow()
        if self._task is not None:
            if self._connection is None:
                self._task.cancel()  # it opens a socket, or waits to
            await asyncio.wait([self._task])

    # -- The task --------------------------------------------------------------------------------

    async def _run(self) -> None:
        while self._session.state is not State.CLOSED:
            if self._session.state is State.WAITING:
                await self._change()
                continue
            try:
                socket = await self._dial()
            except LiveError as error:
                self._lost(error)
            else:
                await self._talk(Connection(socket, self._session.outbox))

    async def _dial(self) -> ClientConnection:
        headers = await self._dialer.auth.headers()
        now = self._clock()
        self._session.connecting(now)
        return await self._dialer.open(headers, self._session.time_left(now))

    async def _talk(self, connection: Connection) -> None:
        """From the setup to the end of a connection."""
        self._connection = connection
        try:
            await connection.send(self._session.opened(self._clock()))
            self._follow()
            while True:
                await self._take(connection, await connection.receive())
        except LiveError as error:
            if self._session.state in _HAS_SOCKET:  # otherwise its end was decided before
                self._lost(error)
        finally:
            await connection.closed()
            self._connection = None

    async def _take(self, connection: Connection, data: bytes) -> None:
        if self._session.state not in _HAS_SOCKET:
            return  # while it closes: the other side's close frame comes after its messages
        was_ready = self._session.is_connected
        self._tell(self._session.receive(data, self._clock()), len(data))
        if self._session.is_connected and not was_ready:
            connection.start_writing()
        while self._inbox_size > INBOX_BYTES and self._session.state in _READS:
            self._taken.clear()
            await self._taken.wait()

    def _lost(self, error: LiveError) -> None:
        self._tell(self._session.lost(error, self._clock()))
        if self._session.state is State.WAITING:
            log.info("trying again: %s", error.code)

    def _tell(self, events: list[Event], size: int = 0) -> None:
        if events:
            self._inbox += events
            self._inbox_size += size
        self._follow()

    def _follow(self) -> None:
        """Do what the session's state asks for: keep its deadline, leave, wake who waits."""
        if self._session.deadline != self._timer_deadline:
            self._set_timer()
        if self._session.state not in _READS and self._connection is not None:
            self._connection.begin_close()
            self._taken.set()
        if self._session.state is State.CLOSED:
            self._session.outbox.clear()
        self._changed.set()

    async def _change(self) -> None:
        """Wait for the next change. Raises what the task should never have met."""
        self._changed.clear()
        if self._task is not None and self._task.done():
            self._task.result()
        await self._changed.wait()

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
        self._timer_deadline = None  # the clocks of the loop and of the session differ a little
        self._tell(self._session.tick(self._clock()))


__all__ = ["Comeback", "Connector", "Dialer", "Endpoint", "LiveSession", "SessionConfig", "connect"]
