"""Workers against the real simulator, database and an in-memory bus and link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from channels.layers import InMemoryChannelLayer
from django.db.models import Sum
from django.utils import timezone

from accounts.credentials import set_secret
from accounts.database import in_database
from accounts.models import Credential
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations import protocol as p
from conversations.attachment import Attachment, Switchboard
from conversations.bus import Bus
from conversations.models import Conversation, Event, Lease, Turn, Usage, UsageDay, WorkerProcess
from conversations.states import ConversationState, EndReason, Speaker
from conversations.usage.book import SUMS
from conversations.worker import Worker, WorkerOptions
from live.simulator import Pace
from live.simulator.hearing import Began, Ended, Hearing
from tests.conversations.page import Page

if TYPE_CHECKING:
    import uuid

    from tests.conversations.conftest import Stage

SECRET = b"s" * 32


def typed(ref: str, text: str) -> bytes:
    return p.encode(p.SendText(id=ref, text=text))


class House:
    """Workers and a switchboard that share one in-memory bus."""

    def __init__(self) -> None:
        self.layer = InMemoryChannelLayer()
        self.bus = Bus(self.layer)
        self.switchboard = Switchboard(SECRET, bus=self.bus)
        self.workers: list[Worker] = []

    async def hire(self) -> Worker:
        return await self.hire_by(time.monotonic)

    async def hire_by(self, clock: Callable[[], float]) -> Worker:
        options = WorkerOptions(listen_at=("127.0.0.1", 0), link_secret=SECRET, clock=clock)
        worker = Worker(self.bus, options)
        await worker.start()
        self.workers.append(worker)
        return worker

    @asynccontextmanager
    async def page(
        self, conversation: Conversation, page: Page | None = None
    ) -> AsyncIterator[tuple[Page, Attachment]]:
        page = page or Page()
        attachment = await self.switchboard.attach(conversation.id, epoch=page.epoch, seq=page.seq)
        following = asyncio.create_task(follow(page, attachment))
        following.add_done_callback(page.follower_ended)
        try:
            yield page, attachment
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await attachment.aclose()


async def follow(page: Page, attachment: Attachment) -> None:
    async for frame in attachment.frames():
        stream = attachment.stream
        page.take(frame)
        if stream is not None:
            stream.consumed(len(frame))


@pytest.fixture
async def house(shared_database: None) -> AsyncIterator[House]:
    house = House()
    await house.bus.start()
    yield house
    for worker in house.workers:
        await worker.aclose()
    await house.switchboard.aclose()


async def stored_turns(conversation: Conversation) -> list[tuple[str, str, str]]:
    return await in_database(read_turns, conversation.id)


def read_turns(conversation_id: uuid.UUID) -> list[tuple[str, str, str]]:
    with platform_scope("test reads turns"):
        rows = Turn.objects.filter(conversation_id=conversation_id)
        return list(rows.values_list("speaker", "text", "state"))


def read_usage(conversation_id: uuid.UUID) -> list[Usage]:
    with platform_scope("test reads usage"):
        rows = Usage.objects.filter(conversation_id=conversation_id)
        return list(rows.order_by("epoch", "number"))


def read_days(conversation: Conversation) -> dict[str, int]:
    """The sums of all days of the conversation's agent."""
    with platform_scope("test reads usage"):
        days = UsageDay.objects.filter(subject=conversation.agent_id)
        return days.aggregate(**{name: Sum(name) for name in SUMS})


async def reload(conversation: Conversation) -> Conversation:
    def read() -> Conversation:
        with platform_scope("test reads a conversation"):
            return Conversation.objects.get(id=conversation.id)

    return await in_database(read)


def shown(page: Page) -> list[tuple[str, str, str]]:
    return [(turn.speaker, turn.text, turn.state) for turn in page.picture.turns]


async def test_a_typed_talk_is_answered_shown_and_stored(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(typed("r1", "Hello, who are you?"))
        await page.until(page.answered)
        await page.until(page.all_saved)
        assert page.said(Speaker.USER) == ["Hello, who are you?"]
        assert page.audio_bytes > 24_000
        assert shown(page) == await stored_turns(conversation)


async def test_the_user_ends_it(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(p.encode(p.End()))
        await page.until(lambda: page.picture.ended)
    ended = await reload(conversation)
    assert (ended.state, ended.end_reason) == ("ended", "user-left")
    assert ended.ended_at is not None


async def test_a_page_that_comes_back_gets_only_what_it_missed(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()
    page = Page()
    async with house.page(conversation, page) as (_, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(typed("r1", "Count to five, please."))
    async with house.page(conversation, page):
        await page.until(page.answered)
    assert page.snapshots == 1


async def test_the_same_text_twice_is_said_once(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(typed("r1", "Hello"))
        await attachment.send(typed("r1", "Hello"))
        await page.until(page.answered)
        assert page.said(Speaker.USER) == ["Hello"]


async def test_another_worker_goes_on_after_a_drain(stage: Stage, house: House) -> None:
    began = time.monotonic()
    first = await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(typed("r1", "The code word is marmalade."))
        await page.until(page.answered)
        await house.hire()
        house.workers.remove(first)
        await first.aclose()
        await page.until(lambda: page.epoch == 2)
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(typed("r2", "What is the code word?"))
        await page.until(lambda: page.answered(2))
        assert "marmalade" in page.said(Speaker.AGENT)[-1].lower()
        await page.until(page.all_saved)
        assert shown(page) == await stored_turns(conversation)
        await attachment.send(p.encode(p.End()))
        await page.until(lambda: page.picture.ended)
    # Each of the two answers was reported once, and nothing was counted twice on the way.
    usage = await in_database(read_usage, conversation.id)
    assert [row.epoch for row in usage if row.text_in] == [1, 2]
    assert 0 < sum(row.talked_ms for row in usage) <= (time.monotonic() - began) * 1000
    day = await in_database(read_days, conversation)
    for name in SUMS:
        assert day[name] == sum(getattr(row, name) for row in usage), name


async def test_what_is_said_during_a_hand_over_reaches_the_model_once_and_in_order(
    stage: Stage, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A microphone that is on, in a quiet room: sound comes all the time."""
    heard: list[int] = []
    listen = Hearing.audio

    def note(self: Hearing, pcm: bytes, rate: int) -> list[Began | Ended]:
        heard.append(int.from_bytes(pcm[:2], "little"))
        return listen(self, pcm, rate)

    monkeypatch.setattr(Hearing, "audio", note)
    first = await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        sent = 0
        over = asyncio.Event()

        async def speak() -> None:
            nonlocal sent
            while not over.is_set():
                pcm = sent.to_bytes(2, "little") + bytes(638)
                await attachment.send(p.HEADER.pack(p.AUDIO, 0, 160, sent) + pcm)
                sent += 1
                await asyncio.sleep(0.005)

        speaking = asyncio.create_task(speak())
        await page.until(lambda: len(heard) > 20)
        await house.hire()
        house.workers.remove(first)
        await first.aclose()
        await attachment.send(typed("r1", "Hello"))
        await page.until(lambda: page.epoch == 2)
        await page.until(page.answered)
        over.set()
        await speaking
        await page.until(lambda: len(heard) >= sent)
        assert heard == list(range(sent))
        assert [turn.state for turn in page.picture.turns] == ["final", "final"]


async def test_a_worker_that_stood_still_does_nothing_before_it_knows_what_it_has(
    stage: Stage, house: House
) -> None:
    stopped_s = 0.0
    worker = await house.hire_by(lambda: time.monotonic() + stopped_s)
    kept, lost = await stage.new_conversation(), await stage.new_conversation()

    def steal() -> None:
        with platform_scope("test takes a lease away"):
            Lease.objects.filter(conversation=lost).update(worker="other", epoch=9)

    async with (
        house.page(kept) as (page, attachment),
        house.page(lost) as (lost_page, lost_attachment),
    ):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await lost_page.until(lambda: lost_page.picture.state == ConversationState.LIVE)
        await in_database(steal)
        stopped_s = 10.0
        # It lay in the sockets when the process went on, and is the first that it sees.
        await lost_attachment.send(typed("r1", "This is for the other worker."))
        await attachment.send(typed("r1", "Hello"))
        await page.until(page.answered)
        assert lost.id not in worker.hosts
        assert lost_page.said(Speaker.USER) == []
        assert await stored_turns(lost) == []


async def test_a_stop_in_the_database_ends_it_without_the_bus(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()

    def stop() -> None:
        with platform_scope("test stops a conversation"):
            found = Conversation.objects.filter(id=conversation.id)
            found.update(stop_reason=EndReason.STAFF_ENDED)

    async with house.page(conversation) as (page, _):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await in_database(stop)
        await page.until(lambda: page.picture.ended == EndReason.STAFF_ENDED)


async def test_a_worker_that_lost_its_lease_closes_and_writes_nothing(
    stage: Stage, house: House
) -> None:
    first = await house.hire()
    conversation = await stage.new_conversation()

    def steal() -> None:
        with platform_scope("test takes a lease away"):
            Lease.objects.filter(conversation=conversation).update(worker="other", epoch=9)

    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await in_database(steal)
        await attachment.send(typed("r1", "This must not be stored."))
        await page.until(lambda: not first.hosts)
        assert await stored_turns(conversation) == []
        assert await in_database(read_usage, conversation.id) == []


async def test_a_wrong_credential_ends_it_with_a_reason(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()
    stage.simulator.api_keys.clear()

    def spoil() -> None:
        with platform_scope("test spoils a credential"):
            credential = Credential.objects.get(tenant=stage.cast.acme.tenant)
            set_secret(credential, "a-key-that-nobody-knows")
            credential.state = Credential.State.ACTIVE
            credential.save()

    await in_database(spoil)
    async with house.page(conversation) as (page, _):
        await page.until(lambda: page.picture.ended == EndReason.CREDENTIAL_PROBLEM)


async def test_two_workers_race_and_one_hosts(stage: Stage, house: House) -> None:
    first, second = await house.hire(), await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, _):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        for _ in range(3):
            await house.bus.publish(b.WORKERS, b.Wanted(str(conversation.id)))
        assert len(first.hosts) + len(second.hosts) == 1
        assert page.epoch == 1


async def test_an_interruption_is_kept(stage: Stage, house: House) -> None:
    await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await attachment.send(typed("r1", "Tell me a long story"))
        await page.until(lambda: page.audio_bytes > 100_000)
        await attachment.send(typed("r2", "Stop, please."))
        await page.until(lambda: page.answered(2))
        await page.until(page.all_saved)
    states = [state for speaker, _, state in await stored_turns(conversation) if speaker == "agent"]
    assert states[0] == "interrupted"

    def kinds() -> list[str]:
        with platform_scope("test reads events"):
            events = Event.objects.filter(conversation=conversation)
            return list(events.values_list("kind", flat=True))

    assert "interrupted" in await in_database(kinds)


async def test_a_rotation_that_cannot_wait_does_not_lose_the_question(
    stage: Stage, house: House
) -> None:
    """The model is still thinking when the connection's time is up."""
    await house.hire()
    conversation = await stage.new_conversation()
    stage.simulator.sessions.resume_wait = 0.0
    slow = Pace(setup=0.01, first_update=0.01, thinking=0.6, go_away=0.3, time_left=5.05)
    stage.simulator.pace = slow
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        stage.simulator.pace = Pace(setup=0.01, first_update=0.01, thinking=0.1)
        await attachment.send(typed("r1", "Say hello world"))
        await page.until(page.answered)
        assert "hello world" in page.said(Speaker.AGENT)[-1].lower()


async def test_an_operator_drains_it_and_takes_it_back(house: House, stage: Stage) -> None:
    """A fact in the database, which the bus only makes faster."""
    first = await house.hire()
    conversation = await stage.new_conversation()
    async with house.page(conversation) as (page, attachment):
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        second = await house.hire()
        await in_database(ask_to_drain, first.name, True)
        await house.bus.publish(b.WORKERS, b.Asked(first.name))
        await page.until(lambda: page.epoch == 2)
        assert conversation.id in second.hosts
        await until(lambda: in_database(is_drained, first.name))
        await attachment.send(typed("1", "Hello"))
        await page.until(page.answered)
        await in_database(ask_to_drain, second.name, True)
        await in_database(ask_to_drain, first.name, False)
        # No message: the workers' reports say it as well.
        await page.until(lambda: page.epoch == 3)
        assert conversation.id in first.hosts
        assert second.hosts == {}


async def until(asked: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await asked():  # noqa: ASYNC110 - another process's row, which nobody announces
            await asyncio.sleep(0.05)


def ask_to_drain(worker: str, wanted: bool) -> None:
    at = timezone.now() if wanted else None
    assert WorkerProcess.objects.filter(name=worker).update(drain_asked_at=at) == 1


def is_drained(worker: str) -> bool:
    return bool(WorkerProcess.objects.get(name=worker).is_drained)


async def test_a_worker_signs_on_and_off(house: House, stage: Stage) -> None:
    worker = await house.hire()
    names = await in_database(living_workers)
    assert worker.name in names
    await worker.aclose()
    assert worker.name not in await in_database(living_workers)


def living_workers() -> list[str]:
    return list(WorkerProcess.objects.living().values_list("name", flat=True))
