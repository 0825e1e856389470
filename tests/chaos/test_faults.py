"""Twenty conversations go on through faults: nothing is lost, doubled or out of order.

`make test` runs a selection, `make chaos` every fault by itself and random schedules:
`CHAOS_RUNS` of them (100), the first with `CHAOS_SEED`. A violation names its seed;
`CHAOS_RUNS=1 CHAOS_SEED=<seed> make chaos TEST=tests/chaos` plays it again.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from tests.chaos.conftest import Deploy
from tests.chaos.faults import FAULTS
from tests.chaos.scene import Run
from tests.chaos.schedule import Act, schedule

ROOT = Path(__file__).resolve().parents[2]
TALKERS = 20
# One of each kind: a process, the network between them, pages, the model's side.
SELECTION = ("worker-killed", "worker-cut-from-postgres", "page-cut", "model-drops")
RUN_S = (12.0, 24.0)


@pytest.mark.timeout(300)
async def test_a_selection_of_faults(deploy: Deploy) -> None:
    acts = [Act(FAULTS[name], 0.3, 1.5) for name in SELECTION]
    async with deploy() as (fleet, entrance):
        assert await Run(fleet, entrance, 1, talkers=TALKERS).play(acts) == []


@pytest.mark.chaos
@pytest.mark.timeout(7200)
async def test_every_fault_by_itself(deploy: Deploy) -> None:
    wrong: dict[str, list[str]] = {}
    async with deploy(webs=2, workers=3) as (fleet, entrance):
        for number, fault in enumerate(FAULTS.values()):
            run = Run(fleet, entrance, 10_000 + number, talkers=TALKERS)
            found = await run.play([Act(fault, 1.0, fault.stated)])
            report(f"{fault.name}: {found or 'well'}")
            wrong |= {fault.name: found} if found else {}
    assert wrong == {}


@pytest.mark.chaos
@pytest.mark.timeout(4 * 3600)
async def test_random_schedules(deploy: Deploy) -> None:
    first = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
    runs = int(os.environ.get("CHAOS_RUNS") or 100)
    wrong: dict[str, list[str]] = {}
    async with deploy(webs=2, workers=3) as (fleet, entrance):
        for seed in range(first, first + runs):
            dice = random.Random(seed)
            acts = schedule(dice, FAULTS, dice.uniform(*RUN_S))
            found = await Run(fleet, entrance, seed, talkers=TALKERS).play(acts)
            report(f"CHAOS_SEED={seed}: {found or 'well'} after {'; '.join(map(str, acts))}")
            wrong |= {f"CHAOS_SEED={seed}": found} if found else {}
    assert wrong == {}


def report(line: str) -> None:
    """An hour's run says where it is (`-s`), and a failure which seeds it met."""
    print(line, flush=True)  # noqa: T201 - read by whoever waits


def test_every_fault_is_described() -> None:
    text = (ROOT / "docs" / "reference" / "faults.md").read_text()
    described = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert sorted(described) == sorted(FAULTS)
