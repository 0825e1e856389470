"""One stage for each test; nothing may be left on it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from live.simulator import Simulator
from tests.live.faults.stage import QUICK, Stage, tapped


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A simulator to connect to. At the end no task, timer or socket may be left."""
    loop = asyncio.get_running_loop()
    async with Simulator(pace=QUICK, resume_wait=0.0) as simulator:
        stage = Stage(simulator, asyncio.all_tasks())
        monkeypatch.setattr(loop, "call_at", tapped(loop.call_at, stage.timers))
        yield stage
        await stage.leave()
        stage.check_nothing_is_left()
