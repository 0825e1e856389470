"""Soak: people come and go for half an hour, and nothing grows or is left behind.

`make chaos` runs it for `SOAK_MINUTES` (30) with `SOAK_SESSIONS` (100) conversations at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import statistics
import time
import uuid
from collections.abc import Iterator

import psutil
import pytest
import redis

from tests.chaos.checker import violations
from tests.chaos.conftest import Deploy
from tests.chaos.fleet import Fleet, Member
from tests.chaos.pages import Caller, Entrance
from tests.chaos.scene import nothing_left, record_of

SAMPLE_S = 5.0
# A share of the run: caches fill, pools grow to their size.
WARM_UP = 1 / 3
# Of the memory after the warm-up, more at the end than this is a leak.
MOST_GROWTH = 0.05
LIFE_S = (10.0, 60.0)
PAUSE_S = (1.0, 5.0)


class Books:
    """What the processes have, over the time. Memory in bytes."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._rss: dict[int, list[int]] = {}

    async def keep(self) -> None:
        while True:
            for member in members(self._fleet):
                rss = psutil.Process(member.child.pid).memory_info().rss
                self._rss.setdefault(member.child.pid, []).append(rss)
            await asyncio.sleep(SAMPLE_S)

    def growth(self) -> Iterator[tuple[str, float]]:
        """Of each process, the share by which the last quarter is above the first one after
        the warm-up."""
        for member in members(self._fleet):
            samples = self._rss[member.child.pid]
            steady = samples[int(len(samples) * WARM_UP) :]
            quarter = max(1, len(steady) // 4)
            before, after = (statistics.median(q) for q in (steady[:quarter], steady[-quarter:]))
            yield f"{member.kind} {member.child.pid}", after / before - 1


@pytest.mark.chaos
@pytest.mark.timeout(3 * 3600)
async def test_nothing_grows_and_nothing_is_left(deploy: Deploy) -> None:
    minutes = float(os.environ.get("SOAK_MINUTES") or 30)
    sessions = int(os.environ.get("SOAK_SESSIONS") or 100)
    async with deploy() as (fleet, entrance):
        # What a process keeps for good (links, pools, caches) it has after the first ones.
        wrong = await churn(fleet, entrance, sessions, until=time.monotonic() + 15)
        before = {member.child.pid: await settled(fleet, member) for member in members(fleet)}
        books = Books(fleet)
        keeping = asyncio.create_task(books.keep())
        wrong += await churn(fleet, entrance, sessions, until=time.monotonic() + minutes * 60)
        keeping.cancel()
        for name, share in books.growth():
            print(f"{name}: {share:+.1%}")  # noqa: T201 - the figure that is wanted
            wrong += [f"{name} grew by {share:.1%}"] if share > MOST_GROWTH else []
        wrong += [f"{keys} keys are left in Redis"] if (keys := keys_in(fleet)) else []
        for member in members(fleet):
            after = await settled(fleet, member)
            if grown := {n: c for n, c in after.items() if c > before[member.child.pid].get(n, 0)}:
                wrong.append(f"{member.kind} has left: {grown}")
    assert wrong == []


async def churn(fleet: Fleet, entrance: Entrance, seats: int, *, until: float) -> list[str]:
    """On each seat one person after the other talks, loses the network now and then, and goes."""
    wrong: list[str] = []
    ids: list[uuid.UUID] = []

    async def seat(number: int) -> None:
        dice, visit = random.Random(number), 0
        while time.monotonic() < until:
            visit += 1
            name = f"s{number:03d}n{visit:04d}t{int(until)}"
            caller = Caller(name, entrance, dice, pause_s=PAUSE_S)
            wrong.extend(await visit_of(caller, fleet, dice))
            ids.extend([caller.conversation] if caller.conversation else [])

    await asyncio.gather(*(seat(number) for number in range(seats)))
    return wrong + await nothing_left(fleet, ids)


async def visit_of(caller: Caller, fleet: Fleet, dice: random.Random) -> list[str]:
    over = asyncio.Event()
    talk = asyncio.create_task(caller.talk(over))
    life = dice.uniform(*LIFE_S)
    await asyncio.wait([talk], timeout=life / 2)
    caller.cut_for(dice.uniform(0, 3))
    await asyncio.wait([talk], timeout=life / 2)
    over.set()
    await talk
    wrong = violations(await record_of(caller, fleet))
    await caller.end()
    return wrong


def members(fleet: Fleet) -> list[Member]:
    return [*fleet.webs, *fleet.workers]


async def settled(fleet: Fleet, member: Member) -> dict[str, int]:
    """How many tasks of each name and how many sockets a process has, once that is steady."""
    found = await inspected(member)
    for _ in range(10):
        await asyncio.sleep(1)
        again = await inspected(member)
        if again == found:
            break
        found = again
    return found


async def inspected(member: Member) -> dict[str, int]:
    pattern = r"(?s:.*)\ninspected (\{.*?\})\n"
    seen = member.child.output.count("\ninspected ")
    member.child.send_signal(signal.SIGUSR2)
    while member.child.output.count("\ninspected ") == seen:  # noqa: ASYNC110 - a pipe's reader is a thread
        await asyncio.sleep(0.05)
    found: dict[str, int] = json.loads(member.child.wait_for(pattern).group(1))
    return {**found, "sockets": len(psutil.Process(member.child.pid).net_connections("inet"))}


def keys_in(fleet: Fleet) -> int:
    with redis.Redis(port=fleet.redis_port) as client:
        return int(client.dbsize())
