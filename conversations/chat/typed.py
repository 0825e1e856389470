"""Lines that a person types or a pipe holds, without blocking the event loop."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator

QUIT = "/quit"
_READ_BYTES = 4096


async def lines(descriptor: int) -> AsyncIterator[str]:
    """Each line that is not blank, until the end of the file or `/quit`.

    A thread reads the descriptor itself, and at most one piece ahead: a thread that waits in
    `sys.stdin` holds a lock which Python needs to end.
    """
    pieces: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)
    loop = asyncio.get_running_loop()
    reader = threading.Thread(target=_read, args=(descriptor, loop, pieces), daemon=True)
    reader.start()
    rest = ""
    while (piece := await pieces.get()) is not None:
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            if line.strip() == QUIT:
                return
            if line.strip():
                yield line.strip()
    if rest.strip() and rest.strip() != QUIT:
        yield rest.strip()


def _read(
    descriptor: int, loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[str | None]
) -> None:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    try:
        while data := os.read(descriptor, _READ_BYTES):
            _hand_over(decode(data), loop, pieces)
        _hand_over(None, loop, pieces)
    except OSError:
        _hand_over(None, loop, pieces)  # a terminal that went away is an end of the file


def _hand_over(
    piece: str | None, loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[str | None]
) -> None:
    """Wait until there is room."""
    if loop.is_closed():
        return
    taken = threading.Semaphore(0)

    async def put() -> None:
        try:
            await pieces.put(piece)
        finally:
            taken.release()

    try:
        loop.call_soon_threadsafe(lambda: loop.create_task(put()))
    except RuntimeError:
        return  # closed meanwhile: nobody reads on
    taken.acquire()
