import os

import pytest

from benchmarks.accounting import Meter
from benchmarks.load import drive, visit
from benchmarks.sessions import LiveTarget, SessionFailed
from live.simulator import Simulator


async def test_every_chunk_comes_back_from_the_echo() -> None:
    async with Simulator(scenario="echo") as simulator:
        target = LiveTarget(simulator.url, simulator.api_key)
        await visit(target)
        load = await drive(target, Meter({"generator": os.getpid()}), sessions=3, seconds=0.5)
    assert load.counted.sent >= 3
    assert (load.counted.lost, load.counted.disordered, load.counted.repeated) == (0, 0, 0)
    assert min(load.counted.latencies_ms) > 0
    assert load.complaints == []
    assert load.opened.at + 0.5 < load.closed.at
    assert load.lines == 3


async def test_a_refused_session_says_so() -> None:
    async with Simulator(scenario="echo") as simulator:
        with pytest.raises(SessionFailed, match="closed with 1"):
            await visit(LiveTarget(simulator.url, "wrong key"))
