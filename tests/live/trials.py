"""Trials of a credential against a simulator, and what came out of them."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from live.auth import DEVELOPER_SCOPES, ApiKeyAuth, Auth, ServiceAccountAuth
from live.checkup import diagnose
from live.endpoint import Endpoint
from live.findings import Report
from live.simulator import Pace, Script, Simulator
from live.simulator.scenario import Do, Silence, Step

MODEL = "gemini-3.8-live"
CANARY = "AIza-canary"
QUICK = Pace(setup=0.01, first_update=0.01)


def at_setup(do: Do) -> Script:
    return Script(steps=(Step(do=do, at="setup"),))


SILENCE = at_setup(Silence(seconds=0.5))  # ten times as long as anybody waits for it


class Wall:
    """The simulator's time of day; a test moves it on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def diagnose_at(simulator: Simulator, auth: Auth, model: str = MODEL) -> Report:
    return await diagnose(Endpoint.developer(simulator.url), auth, model)


async def diagnose_key(simulator: Simulator, **options: Any) -> Report:
    endpoint, auth = Endpoint.developer(simulator.url), ApiKeyAuth(simulator.api_key)
    return await diagnose(endpoint, auth, MODEL, **options)


def account_of(simulator: Simulator, scopes: Sequence[str] = DEVELOPER_SCOPES) -> Auth:
    return ServiceAccountAuth.from_info(simulator.service_account_info(), scopes)


async def token_of(auth: Auth) -> str:
    return (await auth.headers())["Authorization"].removeprefix("Bearer ")


async def all_ended(but: set[asyncio.Task[Any]]) -> None:
    """Wait for all tasks but these; the simulator's end when it has seen the close."""
    async with asyncio.timeout(10):
        while left := asyncio.all_tasks() - but - {asyncio.current_task()}:
            await asyncio.wait(left)


def outcomes(report: Report) -> dict[str, str]:
    return {finding.step: finding.outcome.value for finding in report.findings}


def failure_of(report: Report) -> tuple[str, int | None, str]:
    """The step that failed, what the other end answered, and what that means."""
    assert report.failure is not None
    assert report.failure.diagnosis is not None
    return report.failure.step, report.failure.status, report.failure.diagnosis.code


def fix_of(report: Report) -> str:
    assert report.failure is not None
    assert report.failure.diagnosis is not None
    return report.failure.diagnosis.fix
