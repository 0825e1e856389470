"""The writer on the real PostgreSQL: what it stores, and what it never says was stored."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import psycopg
import pytest

import live
from accounts.database import close_database_threads, in_database
from accounts.failover.failures import Failure
from accounts.failover.line import Line
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import Conversation, Lease, Turn, Usage, UsageDay
from conversations.states import EndReason, Speaker
from conversations.transcripts.records import Batch
from conversations.transcripts.writer import Outcome
from conversations.transcripts.writer import write as real_write
from conversations.worker import store as module
from conversations.worker.host import SessionHost
from conversations.worker.loading import Case, account_of
from conversations.worker.store import LAST_TRIES, Store
from tests.cast import Cast
from tests.children import child_environment
from tests.conversations.talks import ago, make_agent, make_open
from tests.conversations.worker.silent import silent

PATIENCE_S = 20.0
snapshots: msgspec.json.Decoder[p.Snapshot] = msgspec.json.Decoder(p.Snapshot)


class Desk:
    """What hosts ask of their worker: the store is woken, nothing more."""

    def __init__(self) -> None:
        self.lost: list[SessionHost] = []
        self.store = Store(self.lost.append)

    def wants_write(self) -> None:
        self.store.wants_write()

    def wants_end(self, host: SessionHost, reason: EndReason) -> None:
        raise AssertionError("nobody ends anything here")

    def wants_line(self, host: SessionHost, failure: Failure) -> None:
        raise AssertionError("no credential fails here")


class SpoiltHost(SessionHost):
    """Its words hold what PostgreSQL refuses, until it is cured."""

    cured = False

    def take_batch(self) -> Batch | None:
        batch = super().take_batch()
        if batch is not None and not self.cured:
            turns = [dataclasses.replace(turn, text="\0") for turn in batch.turns]
            return dataclasses.replace(batch, turns=turns)
        return batch


@pytest.fixture
def rows(transactional_db: None, cast: Cast) -> Iterator[list[Conversation]]:
    """Three conversations that a worker holds under epoch 1."""
    agent = make_agent(cast.acme.tenant)
    yield [make_open(agent, cast.acme.member, ago(seconds=-60), words=()) for _ in range(3)]
    close_database_threads()


@pytest.fixture
def rival(transactional_db: None) -> Iterator[psycopg.Connection]:
    """A database connection of somebody else."""
    with psycopg.connect(child_environment({})["DATABASE_URL"], autocommit=True) as made:
        yield made


def host_of(row: Conversation, desk: Desk, kind: type[SessionHost] = SessionHost) -> SessionHost:
    case = Case(
        conversation_id=row.id,
        tenant_id=row.tenant_id,
        epoch=1,
        account=account_of(row),
        began=row.started_at,
        picture=p.Picture(),
        age_s=0.0,
        handle=None,
        config=live.SessionConfig(model="gemini-3.8-live"),
        line=Line(uuid.uuid4(), 1, live.Endpoint.developer(), live.ApiKeyAuth("unused")),
    )
    return kind(case, silent, desk)


def say(host: SessionHost, text: str, *, whole: bool = True) -> None:
    host.hear([live.OutputTranscript(text=text)])
    if whole:
        host.hear([live.TurnComplete()])


def saved(host: SessionHost) -> list[bool]:
    return [turn.saved for turn in snapshots.decode(host.snapshot()).state.turns]


async def stored(row: Conversation) -> list[tuple[str, str]]:
    def read() -> list[tuple[str, str]]:
        with platform_scope("test"):
            return list(Turn.objects.filter(conversation=row).values_list("text", "state"))

    return await in_database(read)


def counted(row: Conversation) -> tuple[list[int], int]:
    """The tokens of each report of the conversation, and of its tenant's day."""
    with platform_scope("test"):
        reports = Usage.objects.filter(conversation=row).values_list("other_in", flat=True)
        return list(reports), UsageDay.objects.get(subject=row.tenant_id).other_in


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it lies in another thread, or the database
            await asyncio.sleep(0.01)


@asynccontextmanager
async def writing(desk: Desk, *hosts: SessionHost) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.store.run(lambda: hosts))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def locked(rival: psycopg.Connection, row: Conversation) -> AsyncIterator[None]:
    """The lease is somebody else's to change: whoever writes has to wait."""
    with rival.transaction():
        rival.execute("SET LOCAL parley.scope = 'platform'")
        query = "SELECT 1 FROM conversations_lease WHERE conversation_id = %s FOR UPDATE"
        rival.execute(query, [row.id])
        yield


def waiting(rival: psycopg.Connection) -> list[int]:
    """Return the processes of the database that wait for a lock."""
    rows = rival.execute("SELECT DISTINCT pid FROM pg_locks WHERE NOT granted").fetchall()
    return [pid for (pid,) in rows]


# --- storing -----------------------------------------------------------------------------


async def test_what_is_finished_is_stored_and_marked(rows: list[Conversation]) -> None:
    desk = Desk()
    first, second = (host_of(row, desk) for row in rows[:2])
    async with writing(desk, first, second):
        say(first, "one")
        say(first, "two", whole=False)
        say(second, "three")
        await until(lambda: saved(first) == [True, False] and saved(second) == [True])
        assert await stored(rows[0]) == [("one", "final"), ("two", "partial")]
        assert await stored(rows[1]) == [("three", "final")]
        say(first, " and a half")
        await until(lambda: saved(first) == [True, True])
    assert await stored(rows[0]) == [("one", "final"), ("two and a half", "final")]


async def test_a_host_that_lost_its_lease_is_reported_and_writes_nothing(
    rows: list[Conversation],
) -> None:
    def steal() -> None:
        with platform_scope("test"):
            Lease.objects.filter(conversation=rows[0]).update(epoch=2, worker="other")

    desk = Desk()
    lost, kept = (host_of(row, desk) for row in rows[:2])
    await in_database(steal)
    async with writing(desk, lost, kept):
        say(lost, "nobody may read this")
        say(kept, "hello")
        await until(lambda: saved(kept) == [True])
        assert desk.lost
    assert set(desk.lost) == {lost}
    assert saved(lost) == [False]
    assert await stored(rows[0]) == []


# --- a database that fails ---------------------------------------------------------------


async def test_a_cut_connection_leaves_everything_to_be_stored_later(
    rows: list[Conversation], rival: psycopg.Connection
) -> None:
    desk = Desk()
    first, second = (host_of(row, desk) for row in rows[:2])
    async with writing(desk, first, second):
        async with locked(rival, rows[0]):
            say(first, "one")
            first.hear([live.Usage(prompt_tokens=5)])
            say(second, "two", whole=False)
            await until(lambda: waiting(rival))
            for pid in waiting(rival):
                rival.execute("SELECT pg_terminate_backend(%s)", [pid])
            say(second, " and a half")
            await until(lambda: not waiting(rival))
            assert saved(first) == saved(second) == [False]
        await until(lambda: saved(first) == saved(second) == [True])
    assert await stored(rows[0]) == [("one", "final")]
    assert await stored(rows[1]) == [("two and a half", "final")]
    assert await in_database(counted, rows[0]) == ([5], 5)
    assert desk.lost == []


async def test_one_spoilt_conversation_does_not_keep_others_from_being_stored(
    rows: list[Conversation],
) -> None:
    desk = Desk()
    first, last = host_of(rows[0], desk), host_of(rows[2], desk)
    spoilt = host_of(rows[1], desk, SpoiltHost)
    assert isinstance(spoilt, SpoiltHost)
    async with writing(desk, first, spoilt, last):
        for host in (first, spoilt, last):
            say(host, "hello")
        await until(lambda: saved(first) == saved(last) == [True])
        assert saved(spoilt) == [False]
        assert await stored(rows[1]) == []
        say(first, "still here")
        await until(lambda: saved(first) == [True, True])
        assert saved(spoilt) == [False]
        spoilt.cured = True
        await until(lambda: saved(spoilt) == [True])
    assert await stored(rows[1]) == [("hello", "final")]


# --- the last words --------------------------------------------------------------------


async def test_the_last_words_and_the_end_are_stored_before_they_are_told(
    rows: list[Conversation],
) -> None:
    desk = Desk()
    host = host_of(rows[0], desk)
    say(host, "good", whole=False)
    host.close_turns()
    await desk.store.store_last(host)
    host.conclude(EndReason.USER_LEFT)
    await desk.store.store_last(host)

    def read() -> Conversation:
        with platform_scope("test"):
            return Conversation.objects.get(id=rows[0].id)

    ended = await in_database(read)
    assert (ended.state, ended.end_reason) == ("ended", "user-left")
    assert await stored(rows[0]) == [("good", "interrupted")]
    last = p.event_decoder.decode(host.ring.get(host.ring.last))
    assert isinstance(last, p.TurnSaved)
    host.say_farewell()
    last = p.event_decoder.decode(host.ring.get(host.ring.last))
    assert isinstance(last, p.Ended)


async def test_last_words_wait_for_a_write_that_is_under_way(
    rows: list[Conversation], rival: psycopg.Connection
) -> None:
    desk = Desk()
    host = host_of(rows[0], desk)
    async with writing(desk, host):
        async with locked(rival, rows[0]):
            say(host, "one", whole=False)
            await until(lambda: waiting(rival))
            say(host, " and two")
            leaving = asyncio.create_task(desk.store.store_last(host))
            await asyncio.sleep(0)
            assert not leaving.done()
        await leaving
    assert await stored(rows[0]) == [("one and two", "final")]
    assert saved(host) == [True]


async def test_last_words_that_cannot_be_stored_are_given_up_and_told(
    rows: list[Conversation], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    desk = Desk()
    spoilt = host_of(rows[0], desk, SpoiltHost)
    say(spoilt, "hello")
    await desk.store.store_last(spoilt)
    tries = [r for r in caplog.records if "turns not stored" in r.message]
    assert len(tries) == LAST_TRIES
    assert "the last words of a conversation were not stored" in caplog.messages
    assert "hello" not in caplog.text
    assert saved(spoilt) == [False]
    assert snapshots.decode(spoilt.snapshot()).state.turns[0].speaker == Speaker.AGENT


# --- no room --------------------------------------------------------------------------------

FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON conversations_turn
FOR EACH STATEMENT EXECUTE FUNCTION no_room();
"""
ROOM = "DROP TRIGGER IF EXISTS no_room ON conversations_turn; DROP FUNCTION IF EXISTS no_room()"


@pytest.fixture
def disk(transactional_db: None) -> Iterator[psycopg.Connection]:
    """Executes FULL and ROOM; there is room again afterwards."""
    url = child_environment({})["MIGRATE_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as owner:
        yield owner
        owner.execute(ROOM)


async def test_a_full_disk_loses_no_word_not_even_the_last(
    rows: list[Conversation],
    disk: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.001)
    desk = Desk()
    first, second = (host_of(row, desk) for row in rows[:2])

    def tries() -> int:
        return sum("turns not stored" in message for message in caplog.messages)

    disk.execute(FULL)
    async with writing(desk, first):
        say(first, "one")
        say(second, "two", whole=False)
        second.close_turns()
        leaving = asyncio.create_task(desk.store.store_last(second))
        await until(lambda: tries() > LAST_TRIES * 2)
        assert not leaving.done()
        assert saved(first) == saved(second) == [False]
        disk.execute(ROOM)
        await asyncio.wait_for(leaving, PATIENCE_S)
        await until(lambda: saved(first) == [True])
    assert saved(second) == [True]
    assert await stored(rows[0]) == [("one", "final")]
    assert await stored(rows[1]) == [("two", "interrupted")]


async def test_a_process_that_has_to_end_waits_for_room_no_longer(
    rows: list[Conversation], disk: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    host = host_of(rows[0], desk)
    say(host, "hello")
    disk.execute(FULL)
    leaving = asyncio.create_task(desk.store.store_last(host))
    await until(lambda: "turns not stored" in caplog.text)
    desk.store.give_up()
    await asyncio.wait_for(leaving, PATIENCE_S)
    assert "the last words of a conversation were not stored" in caplog.messages


async def test_those_that_leave_together_are_stored_together(
    rows: list[Conversation], rival: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def write(batches: Sequence[Batch]) -> list[Outcome]:
        sizes.append(len(batches))
        return real_write(batches)

    monkeypatch.setattr(module, "write", write)
    desk = Desk()
    hosts = [host_of(row, desk) for row in rows]
    for host in hosts:
        say(host, "bye")
    async with asyncio.TaskGroup() as group, locked(rival, rows[0]):
        group.create_task(desk.store.store_last(hosts[0]))
        await until(lambda: waiting(rival))
        for host in hosts[1:]:
            group.create_task(desk.store.store_last(host))
        await asyncio.sleep(0)
    assert [saved(host) for host in hosts] == [[True]] * 3
    assert sizes == [1, 2]
