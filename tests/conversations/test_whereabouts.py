"""The search for a host: asking, standing in line, giving up."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
from channels.layers import InMemoryChannelLayer

from accounts.database import close_database_threads, in_database
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations import protocol as p
from conversations import whereabouts as module
from conversations.bus import Bus
from conversations.models import Conversation, Lease, WorkerProcess
from conversations.states import EndReason
from conversations.whereabouts import NoRoom, Search, Visit, end_unhosted, stand_in_line
from tests.conversations.talks import ago, make_agent, make_open

if TYPE_CHECKING:
    from tests.cast import Cast

PATIENCE_S = 20.0


@pytest.fixture
def rows(
    transactional_db: None, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Conversation]]:
    """Conversations that nobody hosts; who waits looks often."""
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.01)
    monkeypatch.setattr(module, "STAND_AGAIN_S", 0.01)
    agent = make_agent(cast.acme.tenant)
    yield [make_open(agent, cast.acme.member, ago(seconds=1)) for _ in range(2)]
    close_database_threads()


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    bus = Bus(InMemoryChannelLayer())
    await bus.start()
    yield bus
    await bus.aclose()


def worker_says(has_room: bool | None) -> None:
    if not WorkerProcess.objects.filter(name="w").exists():
        WorkerProcess.objects.enrol("w", "tcp://w:1", 1)
    WorkerProcess.objects.report("w", drained=False, has_room=has_room, lag_ms=0)


def take(conversation_id: uuid.UUID) -> None:
    with platform_scope("test"):
        assert Lease.objects.claim(conversation_id, "w", "tcp://w:1")


def ended(conversation_id: uuid.UUID) -> str:
    with platform_scope("test"):
        return str(Conversation.objects.get(id=conversation_id).end_reason)


def test_each_visit_is_a_page_of_its_own() -> None:
    assert Visit().page != Visit().page
    assert (Visit().mode, Visit().waits) == ("take", True)


async def test_the_place_is_told_when_it_changes(rows: list[Conversation], bus: Bus) -> None:
    first, mine = (row.pk for row in rows)
    await in_database(worker_says, False)
    assert await in_database(stand_in_line, first) == 1
    search = Search(mine, bus, waits=True)
    async with asyncio.timeout(PATIENCE_S):
        told = aiter(search.ask())
        assert await anext(told) == p.Waiting(reason="capacity-full", place=2)
        await in_database(take, first)
        assert await anext(told) == p.Waiting(reason="capacity-full", place=1)
        await in_database(worker_says, None)
        assert await anext(told) == p.Waiting(reason="finding-worker")
        await in_database(take, mine)
        assert await anext(told, None) is None
    assert search.found is not None
    assert search.found.address == "tcp://w:1"


async def test_a_program_that_does_not_wait_is_refused(rows: list[Conversation], bus: Bus) -> None:
    wanted: list[b.Message] = []
    await bus.join(b.WORKERS, wanted.append)
    await in_database(worker_says, False)
    search = Search(rows[0].pk, bus, waits=False)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(NoRoom):
            await anext(aiter(search.ask()))
    assert wanted, "it asked before it was refused: somebody may have had room"


async def test_who_leaves_the_line_ends_the_conversation(
    rows: list[Conversation], bus: Bus
) -> None:
    await in_database(worker_says, False)
    search = Search(rows[0].pk, bus, waits=True)
    async with asyncio.timeout(PATIENCE_S):
        told = aiter(search.ask())
        assert await anext(told) == p.Waiting(reason="capacity-full", place=1)
        search.give_up()
        assert await anext(told, None) is None
    assert search.found is not None
    assert search.found.snapshot is not None
    assert search.found.snapshot.state.ended == EndReason.USER_LEFT


async def test_a_worker_that_was_faster_than_the_leave_keeps_it(rows: list[Conversation]) -> None:
    await in_database(take, rows[0].pk)
    await in_database(end_unhosted, rows[0].pk)
    assert await in_database(ended, rows[0].pk) == ""


async def test_where_messages_do_not_arrive_the_line_tells_that_it_waits(
    rows: list[Conversation], bus: Bus
) -> None:
    """A worker has room and never hears of it: it looks at the line by itself."""
    await in_database(worker_says, True)
    search = Search(rows[0].id, bus, waits=False)

    def line() -> list[uuid.UUID]:
        with platform_scope("test"):
            return list(Lease.objects.in_line().values_list("conversation_id", flat=True))

    async def asked() -> list[p.Waiting]:
        return [told async for told in search.ask()]

    asking = asyncio.create_task(asked())
    async with asyncio.timeout(PATIENCE_S):
        while await in_database(line) != [rows[0].id]:  # noqa: ASYNC110 - another thread writes it
            await asyncio.sleep(0.01)
    await in_database(take, rows[0].id)
    assert await asyncio.wait_for(asking, PATIENCE_S) == [], "it is shown no place: there is room"
    assert search.found is not None
