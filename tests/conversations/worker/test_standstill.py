"""A process that was stopped and goes on looks at its leases before it does anything else."""

from __future__ import annotations

import asyncio

from conversations.worker.standstill import TOO_LONG_S, Standstill, never


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_whoever_looks_first_after_a_stop_has_to_wait_until_it_is_settled() -> None:
    clock = Clock()
    noticed: list[float] = []
    standstill = Standstill(clock, lambda: noticed.append(clock.now))
    clock.now += TOO_LONG_S
    assert standstill.is_over()
    clock.now += TOO_LONG_S + 0.1
    assert not standstill.is_over()
    assert not standstill.is_over(), "others wait as well"
    assert noticed == [clock.now]
    waiting = asyncio.create_task(standstill.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    standstill.settle()
    await waiting
    assert standstill.is_over()


async def test_it_is_noticed_when_nothing_comes_in() -> None:
    clock, noticed = Clock(), asyncio.Event()
    standstill = Standstill(clock, noticed.set)
    clock.now += 10.0
    watching = asyncio.create_task(standstill.watch())
    await asyncio.wait_for(noticed.wait(), 10)
    watching.cancel()


def test_nothing_is_ever_stopped_where_nobody_else_could_have_it() -> None:
    standstill = never()
    assert all(standstill.is_over() for _ in range(3))
