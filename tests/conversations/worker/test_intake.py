"""Who takes what: room, load, and the line of those that wait."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from accounts.credentials import set_secret
from accounts.database import close_database_threads, in_database
from accounts.models import Credential
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations.models import Conversation, Lease
from conversations.worker.intake import Intake
from conversations.worker.lag import LagGauge
from tests.conversations.talks import ago, make_agent, make_open

if TYPE_CHECKING:
    from accounts.models import User
    from conversations.worker.host import SessionHost
    from conversations.worker.loading import Case
    from tests.cast import Cast


class Place:
    """A worker that hosts nothing really."""

    name = "w1"
    address = "memory:1"

    def __init__(self, capacity: int) -> None:
        self.hosts: dict[uuid.UUID, SessionHost] = {}
        self.opened: list[uuid.UUID] = []
        self.announced = 0
        self.errands: list[asyncio.Task[None]] = []
        self.intake = Intake(self, capacity, LagGauge(0.1))

    async def open_host(self, case: Case) -> None:
        self.opened.append(case.conversation_id)
        self.hosts[case.conversation_id] = self  # type: ignore[assignment]

    async def announce(self, host: SessionHost) -> None:
        self.announced += 1

    def errand(self, work: Coroutine[Any, Any, None]) -> None:
        self.errands.append(asyncio.create_task(work))

    async def hear(self, *wanted: Conversation) -> None:
        for row in wanted:
            self.intake.hear(b.Wanted(str(row.pk)))
        await asyncio.gather(*self.errands)


@pytest.fixture
def rows(transactional_db: None, cast: Cast) -> Iterator[list[Conversation]]:
    """Conversations that nobody hosts."""
    with platform_scope("test"):
        credential = Credential(
            tenant=cast.acme.tenant,
            name="unused",
            kind=Credential.Kind.API_KEY,
            endpoint=Credential.Endpoint.DEVELOPER,
            is_primary=True,
        )
        set_secret(credential, "a-key-of-google-s-own")
        credential.state = Credential.State.ACTIVE
        credential.save()
    agent = make_agent(cast.acme.tenant)
    member: User = cast.acme.member
    yield [make_open(agent, member, ago(seconds=1)) for _ in range(4)]
    close_database_threads()


def wait_since(row: Conversation, seconds: int) -> None:
    """The conversation stands in line, and was asked for just now."""
    with platform_scope("test"):
        leases = Lease.objects.filter(conversation=row)
        leases.update(wanted_at=ago(seconds=seconds), asked_at=Now())


def in_line() -> list[uuid.UUID]:
    with platform_scope("test"):
        return list(Lease.objects.in_line().values_list("conversation_id", flat=True))


async def test_it_takes_what_it_has_room_for_and_says_what_it_has(rows: list[Conversation]) -> None:
    place = Place(capacity=2)
    assert (place.intake.room, place.intake.load) == (2, 0.0)
    await place.hear(*rows[:3])
    assert len(set(place.opened) & {row.pk for row in rows[:3]}) == 2
    assert (place.intake.room, place.intake.load) == (0, 1.0)
    assert place.intake.claiming == set()
    place.intake.hear(b.Wanted(str(place.opened[0])))
    await place.hear()
    assert place.announced == 1


async def test_who_stands_in_line_comes_before_who_has_just_come(rows: list[Conversation]) -> None:
    newcomer, second, first, late = rows
    await in_database(wait_since, second, 10)
    await in_database(wait_since, first, 20)
    place = Place(capacity=1)
    await place.hear(newcomer)
    assert place.opened == [first.pk]
    assert await in_database(in_line) == [second.pk]
    other = Place(capacity=3)
    other.name = "w2"
    await other.hear(late)
    assert other.opened == [second.pk, late.pk]
    assert await in_database(in_line) == []


async def test_it_looks_by_itself_when_no_message_comes(rows: list[Conversation]) -> None:
    await in_database(wait_since, rows[0], 10)
    await in_database(wait_since, rows[1], 20)
    place = Place(capacity=1)
    await asyncio.gather(place.intake.look(), place.intake.look())
    assert place.opened == [rows[1].pk]
    place.hosts.clear()
    await place.intake.look()
    assert place.opened == [rows[1].pk, rows[0].pk]


async def test_a_late_loop_takes_no_more_but_never_nothing(rows: list[Conversation]) -> None:
    place = Place(capacity=10)
    place.intake.lag.woke(0.0, 1e9)
    assert place.intake.lag.is_late
    assert place.intake.load == 1.0
    await place.hear(rows[0])
    assert place.opened == [rows[0].pk], "what it does not host cannot make it late"
    await place.hear(rows[1])
    assert place.intake.room == 0
    assert place.opened == [rows[0].pk]


async def test_the_lag_of_the_running_loop_is_measured() -> None:
    at = iter([0.0, 5.0, 5.0 + 9.0, 20.0])
    seen = asyncio.Event()

    def clock() -> float:
        now = next(at, None)
        if now is None:
            seen.set()
            return 20.0
        return now

    intake = Intake(Place(1), 1, LagGauge(0.1), clock)
    watching = asyncio.create_task(intake.watch_lag())
    async with asyncio.timeout(20):
        await seen.wait()
    watching.cancel()
    assert intake.lag.is_late
