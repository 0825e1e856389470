"""How many calls run at the same time: of one conversation, and in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from conversations.tools.outcomes import CallFailed

IN_PROCESS = 64
IN_CONVERSATION = 8
# Running and waiting ones; a model that asks for more is told so at once.
MOST_IN_CONVERSATION = 32

# Each holds at most an answer's 64 KiB, so a process holds a few MiB, whatever happens.
_in_process: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Gate:
    """One conversation's way to its tools."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(IN_CONVERSATION)
        self._inside = 0

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a place, of the conversation's and of the process's, and keep it.

        Raises CallFailed when too many wait already.
        """
        if self._inside >= MOST_IN_CONVERSATION:
            raise CallFailed("too_many_calls", "Too many tools are being called at the same time.")
        self._inside += 1
        try:
            async with self._places, _process_places():
                yield
        finally:
            self._inside -= 1


def _process_places() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    found = _in_process.get(loop)
    if found is None:
        found = _in_process[loop] = asyncio.Semaphore(IN_PROCESS)
    return found
