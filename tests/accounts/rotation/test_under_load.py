"""200 credentials are rotated while 50 conversations run on them, and whoever drives that is
killed ten times: no turn fails, and no key is left behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from accounts.api_keys import create_api_key
from accounts.models import Credential, CredentialRotation, Tenant
from accounts.rotation.driving import CLAIM_TERM
from accounts.rotation.progress import State
from accounts.rotation.states import GRACE, SETTLE
from accounts.tenancy import platform_scope, tenant_scope
from conversations import protocol as p
from conversations.models import Agent, Turn
from conversations.states import ConversationState, Speaker, TurnState
from live.simulator import Pace, Simulator
from tests.accounts.admin.desk import simulator_in_thread
from tests.accounts.rotation.bench import Bench
from tests.accounts.rotation.test_kills import Drivers, points
from tests.children import Children
from tests.conversations.client import Client, dial
from tests.conversations.page import Page

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500)]

TENANTS = 50  # each talks once
CREDENTIALS = 4  # of each: a primary one and standbys
KILLS = 10
SEED = 4
# Whoever is killed is replaced once the claim has ended and a lost upload must have landed.
LATER = (CLAIM_TERM + SETTLE).total_seconds()


class Company:
    """A tenant with its credentials, all with keys of their own, and one who talks."""

    def __init__(self, simulator: Simulator, key_file: list[dict[str, str]]) -> None:
        name = f"load-{uuid.uuid4().hex[:12]}"
        self.tenant = Tenant.objects.create(slug=name, name=name)
        bench = Bench(self.tenant, simulator, now=timezone.now(), made=key_file, prefix=name)
        with tenant_scope(self.tenant.pk):
            self.agent = Agent.objects.create(slug="shop", name="Shop", prompt="Be brief.")
        _, self.key = create_api_key(self.tenant, "talker", ["read", "talk"])
        rows = [bench.credential(is_primary=number == 0) for number in range(CREDENTIALS)]
        self.bench = bench
        self.rotations = [bench.request(row) for row in rows]
        self.answered = asyncio.Event()

    async def talk(self, url: str, over: asyncio.Event) -> None:
        """One conversation that asks again and again, and waits for every answer."""
        page = Page()
        async with dial(url, page=page) as client:
            await client.say(p.Start(agent=str(self.agent.id), key=self.key))
            await page.until(lambda: page.picture.state == ConversationState.LIVE)
            number = 0
            while not over.is_set() or number == 0:
                number += 1
                await self._ask(client, page, number)
            await page.until(page.all_saved)
            await client.say(p.End())

    async def _ask(self, client: Client, page: Page, number: int) -> None:
        word = f"number {number}"
        await client.say(p.SendText(id=f"r{number}", text=f"Say {word}"))
        await page.until(lambda: any(word in text.lower() for text in page.said(Speaker.AGENT)))
        self.answered.set()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulator_in_thread() as running:
        running.pace = Pace(playback=0.2)
        yield running


@pytest.fixture
def companies(
    shared_database: None, keyset_file: object, simulator: Simulator
) -> Iterator[list[Company]]:
    def committed() -> list[Company]:
        key_file = [simulator.service_account_info()]
        try:
            return [Company(simulator, key_file) for _ in range(TENANTS)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(committed).result()


@pytest.fixture
def drive(companies: list[Company]) -> Iterator[Drivers]:
    drivers = Drivers()
    yield drivers
    drivers.close()


def states_of(companies: list[Company]) -> set[str]:
    ids = [rotation.pk for company in companies for rotation in company.rotations]
    with platform_scope("test"):
        rows = CredentialRotation.objects.filter(pk__in=ids)
        return set(rows.values_list("state", flat=True))


async def drive_until(drive: Drivers, companies: list[Company], state: State, later: float) -> None:
    """Drive all, unharmed, until they are all in this state."""
    found: set[str] = set()
    for _ in range(20):
        assert await asyncio.to_thread(drive, "none", later=later) == 0
        found = await asyncio.to_thread(_with_connection, companies)
        if found == {state}:
            return
    raise AssertionError(f"not all are {state}: {found}")


def _with_connection(companies: list[Company]) -> set[str]:
    try:
        return states_of(companies)
    finally:
        connections.close_all()


async def test_no_turn_fails(companies: list[Company], drive: Drivers, spawn: Children) -> None:
    await asyncio.to_thread(spawn, "worker", ready="serves at")
    web = await asyncio.to_thread(spawn, "web", "--port", "0", ready="Serving on")
    url = web.wait_for(r"Serving on (http://\S+)").group(1)
    on_old_keys, on_new_keys = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        first = [group.create_task(each.talk(url, on_old_keys)) for each in companies]
        await asyncio.gather(*(each.answered.wait() for each in companies))
        for point in points(KILLS, 60, SEED):
            assert await asyncio.to_thread(drive, point, later=LATER) == -9, point
        # The standbys go on to the end of their keys; the primary ones wait for who talks.
        for _ in range(3):
            assert await asyncio.to_thread(drive, "none", later=LATER) == 0
        assert await asyncio.to_thread(_primaries, companies) == {State.RETIRING}
        on_old_keys.set()
        await asyncio.wait(first)
        for each in companies:
            each.answered.clear()
            group.create_task(each.talk(url, on_new_keys))
        await asyncio.gather(*(each.answered.wait() for each in companies))
        await drive_until(drive, companies, State.DONE, GRACE.total_seconds())
        on_new_keys.set()
    await asyncio.to_thread(look_at_the_end, companies)


def _primaries(companies: list[Company]) -> set[str]:
    try:
        return {each.bench.read(each.rotations[0]).state for each in companies}
    finally:
        connections.close_all()


def look_at_the_end(companies: list[Company]) -> None:
    try:
        for company in companies:
            for rotation in company.rotations:
                found = company.bench.read(rotation)
                assert company.bench.keys(found) == {found.new_key: False}
            with tenant_scope(company.tenant.pk):
                assert not Turn.objects.filter(state=TurnState.FAILED).exists()
                active = Credential.objects.filter(state=Credential.State.ACTIVE)
                assert active.count() == CREDENTIALS
                assert active.filter(is_primary=True).count() == 1
    finally:
        connections.close_all()
