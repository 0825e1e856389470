"""Moves frames and time between one socket and one `Talk`."""

import asyncio
import time
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.protocol import State

from live.simulator import frames
from live.simulator.front import FrontConnection
from live.simulator.pongs import LatePongs
from live.simulator.scripted import Scripted
from live.simulator.silence import PATIENCE_S, Silence
from live.simulator.talk import Talk

# uvloop's timers count milliseconds: a shorter wait would spin.
SHORTEST_WAIT_S = 0.001
MAX_LATE_PONGS = 64


class Pump:
    """Reads, tells the time, writes, until the connection ends.

    Nothing is queued here. While a client does not read, `send` waits, and with it the
    reading of more input and the making of more output. `check` is asked before each
    message of the client and may raise Refusal. After `patience` seconds in which nothing
    went either way the client is taken for dead.
    """

    def __init__(
        self,
        connection: ServerConnection,
        talk: Talk | Scripted,
        check: Callable[[], None] | None = None,
        *,
        patience: float = PATIENCE_S,
    ) -> None:
        self._connection = connection
        self._talk = talk
        self._check = check
        self._silence = Silence(patience, time.monotonic())
        self._writing = asyncio.Lock()
        self._ready = asyncio.Event()
        self._ring = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._receiving = False
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stalled_until = 0.0
        self._late_pongs = 0

    async def run(self) -> None:
        """Run to the end of the connection.

        Raises Refusal (GivenUp for a client that is taken for dead), Dropped or ConnectionClosed.
        """
        self._talk.start(time.monotonic())
        self._arm()
        tasks = {asyncio.create_task(self._read()), asyncio.create_task(self._tick()), self._failed}
        try:
            done, _running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            self._hear_directly(None)
            self._disarm()
            self._read_on()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        # The real server takes nothing before setupComplete: early frames wait in the socket.
        await self._ready.wait()
        self._hear_directly(self._hear)
        while True:
            self._receiving = True
            frame = await self._connection.recv()
            self._receiving = False
            if self._failed.done():
                await self._failed  # what follows a refused message is not taken
            self._receive(frame)
            await self._flush()
            self._arm()

    def _receive(self, frame: str | bytes) -> None:
        if self._check is not None:
            self._check()
        self._talk.receive(frame, time.monotonic())

    def _hear_directly(self, hear: Callable[[str], bool] | None) -> None:
        if isinstance(self._connection, FrontConnection):
            self._connection.hear = hear

    def _hear(self, frame: str) -> bool:
        """Take a message and answer it at once, unless something has to be waited for."""
        if not self._receiving or self._writing.locked() or self._must_wait():
            return False
        try:
            self._receive(frame)
            for answer in self._talk.take():
                self._send(answer)
            self._arm()
        except Exception as error:  # noqa: BLE001 - whatever it is, `run` raises it
            self._hear_directly(None)
            self._failed.set_exception(error)
        return True

    async def _tick(self) -> None:
        while True:
            await self._ring.wait()
            self._ring.clear()
            self._armed_for = 0.0
            self._listen()
            self._talk.advance(time.monotonic())
            self._hinder()
            await self._flush()
            self._arm()
            if self._talk.ready:
                self._ready.set()

    async def _flush(self) -> None:
        async with self._writing:
            for frame in self._talk.take():
                if self._must_wait():
                    await self._connection.send(frame)
                    self._silence.broken(time.monotonic())
                else:
                    self._send(frame)

    def _must_wait(self) -> bool:
        """Whether the client reads too slowly, or the connection is closing."""
        connection = self._connection
        is_open = connection.protocol.state is State.OPEN
        return connection.paused or not is_open or connection.transport.is_closing()

    def _send(self, frame: str | bytes) -> None:
        # Tasks, contexts, checks and frame objects of `send` cost more than the rest of an echo.
        if isinstance(frame, bytes):
            self._connection.transport.write(frames.binary_frame(frame))
        else:
            broadcast((self._connection,), frame)
        self._silence.broken(time.monotonic())

    def _listen(self) -> None:
        if isinstance(self._connection, FrontConnection):
            self._silence.broken(self._connection.heard_at)
        self._silence.check(time.monotonic())

    def _arm(self) -> None:
        due = min(self._talk.due(), self._silence.ends)
        # A timer that rings too early is set anew then: cheaper than with each message.
        if 0.0 < self._armed_for <= due:
            return
        self._disarm()
        self._armed_for = due
        wait = max(SHORTEST_WAIT_S, due - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._ring.set)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _hinder(self) -> None:
        """Stall, and hold pongs back, as the talk wants it."""
        until = self._talk.stalled_until
        if until > self._stalled_until:
            self._stalled_until = until
            if self._connection.transport.is_reading():
                self._connection.transport.pause_reading()
            wait = max(0.0, until - time.monotonic())
            asyncio.get_running_loop().call_later(wait, self._read_on)
        protocol = self._connection.protocol
        if self._talk.pong_delay and isinstance(protocol, LatePongs):
            protocol.later = self._hold_pong

    def _read_on(self) -> None:
        if self._stalled_until and not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    def _hold_pong(self, data: bytes) -> None:
        if self._late_pongs < MAX_LATE_PONGS:
            self._late_pongs += 1
            asyncio.get_running_loop().call_later(self._talk.pong_delay, self._send_pong, data)

    def _send_pong(self, data: bytes) -> None:
        self._late_pongs -= 1
        protocol = self._connection.protocol
        if isinstance(protocol, LatePongs) and protocol.state is State.OPEN:
            protocol.send_late_pong(data)
            self._connection.send_data()
