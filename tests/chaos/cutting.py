"""A wire between two processes that can be cut: a TCP proxy of the suite's own.

Whoever dials a wire's address talks to its target, until somebody cuts it (connections are
reset and new ones refused), stalls it (nothing passes and nothing is closed, as when a cable
is pulled) or makes it slow. `heal` ends all of it: what was held passes, what was reset stays
gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

# Where a wire leads: host and port, or a unix socket.
Target = tuple[str, int] | Path

CHUNK: Final = 64 * 1024
# How many chunks wait in a stalled or slow direction before reading stops.
HELD_CHUNKS: Final = 16
DIAL_S: Final = 5.0


class Wire:
    """One listening address that leads to `target`; see `wire`."""

    def __init__(self, target: Target | None = None) -> None:
        self.target = target
        self.delay_s = 0.0
        self._is_cut = False
        self._passable = asyncio.Event()
        self._passable.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the wire was not laid")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return len(self._tasks)

    async def lay(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)

    async def aclose(self) -> None:
        if self._server is not None:
            self._server.close()
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- faults ---------------------------------------------------------------------------

    def drop(self) -> None:
        """Reset all connections; new ones are welcome."""
        for end in list(self._ends):
            end.transport.abort()

    def cut(self) -> None:
        """Reset all connections, and each new one."""
        self._is_cut = True
        self.drop()

    def stall(self) -> None:
        """Let nothing pass, and close nothing."""
        self._passable.clear()

    def heal(self) -> None:
        self._is_cut = False
        self.delay_s = 0.0
        self._passable.set()

    # --- carrying -------------------------------------------------------------------------

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is carried by a task")
        self._tasks.add(task)
        self._ends.add(writer)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # the wire is taken away; the server would call it an error
        finally:
            self._tasks.discard(task)
            self._ends.discard(writer)
            writer.transport.abort()

    async def _join(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        await self._passable.wait()
        if self._is_cut or self.target is None or near_end.transport.is_closing():
            return
        try:
            far, far_end = await dial(self.target)
        except (OSError, TimeoutError):
            return
        self._ends.add(far_end)
        try:
            await asyncio.gather(self._pass_on(near, far_end), self._pass_on(far, near_end))
        finally:
            self._ends.discard(far_end)
            far_end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(HELD_CHUNKS)
        reading = asyncio.create_task(self._read(reader, held))
        try:
            await self._write(held, writer)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(
        self, reader: asyncio.StreamReader, held: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            await held.put((clock() + self.delay_s, data))

    async def _write(
        self, held: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await held.get()
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)
            await self._passable.wait()
            if not data:
                break
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                return
        with suppress(OSError, RuntimeError):
            writer.write_eof()


async def dial(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises OSError and TimeoutError."""
    async with asyncio.timeout(DIAL_S):
        if isinstance(target, Path):
            return await asyncio.open_unix_connection(str(target))
        return await asyncio.open_connection(*target)


@asynccontextmanager
async def wire(target: Target | None = None) -> AsyncIterator[Wire]:
    """Lay a wire to `target`; without one it is dead until it is given one."""
    laid = Wire(target)
    await laid.lay()
    try:
        yield laid
    finally:
        await laid.aclose()
