"""Did this process stand still for so long that its conversations may be another worker's now?

A process may be stopped (a frozen container, a machine that was moved, a debugger) and go on
without knowing it. What lies in its sockets then must reach neither a page nor the model before
its leases were looked at. So whoever takes something in looks at the clock first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

# A lease lasts 3 s and is renewed each second: after this pause it may have run out.
TOO_LONG_S: Final = 1.5
# How often the clock is looked at when nothing comes in.
LOOK_S: Final = 0.5


class Standstill:
    """`happened` is called when one is noticed; who calls `settle` then lets everybody go on."""

    def __init__(self, clock: Callable[[], float], happened: Callable[[], None]) -> None:
        self._clock = clock
        self._happened = happened
        self._seen_at = clock()
        self._settled = asyncio.Event()
        self._settled.set()

    def is_over(self) -> bool:
        """Look at the clock. False: wait until it is known whose the conversations are."""
        before, self._seen_at = self._seen_at, self._clock()
        if self._seen_at - before > TOO_LONG_S:
            self._settled.clear()
            self._happened()
        return self._settled.is_set()

    async def wait(self) -> None:
        await self._settled.wait()

    def settle(self) -> None:
        self._settled.set()

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            self.is_over()
            await asyncio.sleep(LOOK_S)


def never() -> Standstill:
    """One for where nothing is anybody else's."""
    return Standstill(lambda: 0.0, lambda: None)
