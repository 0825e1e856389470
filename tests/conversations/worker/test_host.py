"""A host without a worker and without a database: what it tells, takes, keeps and forgets."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

import live
from accounts.failover.failures import Failure
from accounts.failover.line import Line
from conversations import protocol as p
from conversations.link import LinkClosed, LinkPool, LinkStream, listen_memory
from conversations.states import (
    AgentState,
    ConversationState,
    EndReason,
    Speaker,
    TurnState,
)
from conversations.transcripts.records import Batch
from conversations.transcripts.writer import Outcome
from conversations.worker.host import (
    Opener,
    SessionHost,
)
from conversations.worker.loading import Case, live_session
from conversations.worker.said import HISTORY_TURNS, unanswered
from conversations.worker.texts import KNOWN_REFS, UNSAVED_CHARS
from conversations.worker.viewer import AUDIO_BYTES
from live.simulator import Pace, Simulator
from tests.conversations.page import Page
from tests.conversations.worker.silent import ACCOUNT, silent

EPOCH = 2
SECOND = bytes(48_000)  # of agent audio
a_line = partial(Line, uuid.uuid4(), 1)
QUICK = Pace(setup=0.01, first_update=0.01, thinking=0.02, speed=50, playback=0.02)


class Office:
    """What a host asks of its worker."""

    def __init__(self) -> None:
        self.writes = 0
        self.ends: list[EndReason] = []
        self.failures: list[Failure] = []

    def wants_write(self) -> None:
        self.writes += 1

    def wants_end(self, host: SessionHost, reason: EndReason) -> None:
        self.ends.append(reason)

    def wants_line(self, host: SessionHost, failure: Failure) -> None:
        self.failures.append(failure)


def a_case(**fields: Any) -> Case:
    whole = Case(
        conversation_id=uuid.uuid4(),
        tenant_id=uuid.uuid4(),
        epoch=EPOCH,
        account=ACCOUNT,
        began=timezone.now(),
        picture=p.Picture(),
        age_s=0.0,
        handle=None,
        config=live.SessionConfig(model="gemini-3.8-live"),
        line=a_line(live.Endpoint.developer(), live.ApiKeyAuth("unused")),
    )
    return dataclasses.replace(whole, **fields)


def picture_of(*said: tuple[Speaker, str], refs: bool = False) -> p.Picture:
    turns = [
        p.TurnPicture(
            turn=f"1.{number}",
            speaker=speaker,
            state=TurnState.FINAL,
            text=text,
            saved=True,
            ms=number,
            ref=f"r{number}" if refs else None,
        )
        for number, (speaker, text) in enumerate(said, 1)
    ]
    return p.Picture(turns=turns)


class Studio:
    """A host, and pages that look at it over an in-memory link."""

    def __init__(self, case: Case, opener: Opener) -> None:
        self.office = Office()
        self.now = 1000.0
        self.host = SessionHost(case, opener, self.office, clock=lambda: self.now)
        self._listener = listen_memory(self._accept)
        self._pool = LinkPool(b"s" * 32)
        self._readers: list[asyncio.Task[None]] = []

    def _accept(self, stream: LinkStream) -> None:
        attach = p.attach_decoder.decode(stream.info)
        self.host.view(stream, attach)

    async def open(
        self, *, window: int = 262_144, epoch: int = 0, seq: int = 0, mode: p.Mode = "take"
    ) -> LinkStream:
        """Attach a socket of a page of its own, which reads nothing by itself."""
        info = p.encode(p.Attach("c", epoch, seq, page=uuid.uuid4().hex, mode=mode))
        return await self._pool.open(self._listener.address, info, window=window)

    async def page(self, mode: p.Mode = "take") -> tuple[Page, LinkStream]:
        """Attach a page that reads everything at once; it has its snapshot."""
        page, stream = Page(), await self.open(mode=mode)
        reader = asyncio.create_task(read(page, stream))
        reader.add_done_callback(page.follower_ended)
        self._readers.append(reader)
        await page.until(lambda: page.snapshots)
        return page, stream

    async def aclose(self) -> None:
        await self.host.leave_upstream()
        self.host.close_viewers("")
        await asyncio.gather(*self._readers)
        await self._pool.aclose()
        await self._listener.aclose()


async def read(page: Page, stream: LinkStream) -> None:
    try:
        while True:
            frame = await stream.receive()
            page.take(frame)
            stream.consumed(len(frame))
    except LinkClosed:
        pass


@asynccontextmanager
async def studio_of(opener: Opener = silent, **fields: Any) -> AsyncIterator[Studio]:
    studio = Studio(a_case(**fields), opener)
    studio.host.start()
    try:
        yield studio
    finally:
        await studio.aclose()


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    """One whose model never answers; tests say what the upstream tells."""
    async with studio_of() as made:
        yield made


def typed(ref: str, text: str) -> bytes:
    return p.encode(p.SendText(id=ref, text=text))


def codes(page: Page) -> list[str]:
    return [event.code for event in page.events if isinstance(event, p.Notice)]


def refusals(page: Page) -> list[str]:
    return [message.code for message in page.messages if isinstance(message, p.Error)]


def batch_of(host: SessionHost) -> Batch:
    batch = host.take_batch()
    assert batch is not None
    return batch


def store(host: SessionHost) -> None:
    """What the store does when the database took it."""
    batch = batch_of(host)
    saved = [turn.key for turn in batch.turns if turn.state != TurnState.PARTIAL]
    host.stored(Outcome(batch.conversation_id, fenced=False, saved=saved))


# --- with a model ------------------------------------------------------------------------


def opener_of(simulator: Simulator) -> Opener:
    endpoint = live.Endpoint.developer(base_url=simulator.url)
    case = a_case(line=a_line(endpoint, live.ApiKeyAuth(simulator.api_key)))
    return partial(live_session, case)


async def test_a_talk() -> None:
    async with Simulator(pace=QUICK) as simulator:
        before = asyncio.all_tasks()
        async with studio_of(opener_of(simulator)) as studio:
            page, stream = await studio.page()
            await page.until(lambda: page.picture.state == ConversationState.LIVE)
            await stream.send(typed("r1", "Say hello world"))
            await page.until(page.answered)
            await page.until(lambda: page.picture.agent == AgentState.LISTENING)
            batch = batch_of(studio.host)
            assert batch.handle
            assert [turn.ref for turn in batch.turns] == ["r1", ""]
            assert "hello world" in page.said(Speaker.AGENT)[0].lower()
            assert page.audio_bytes > 0
            await studio.host.leave_upstream()
            left = asyncio.all_tasks() - before
            assert not any(task.get_name() == "upstream" for task in left)


async def test_a_go_away_before_the_answer_does_not_lose_the_question() -> None:
    slow = dataclasses.replace(QUICK, thinking=0.6, go_away=0.4)
    async with (
        Simulator(pace=slow, resume_wait=0.0) as simulator,
        studio_of(opener_of(simulator)) as studio,
    ):
        page, stream = await studio.page()
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await stream.send(typed("r1", "Say hello world"))
        await page.until(page.answered)
        assert "hello world" in page.said(Speaker.AGENT)[0].lower()


# --- input ---------------------------------------------------------------------------


async def test_a_typed_text_is_shown_and_wants_to_be_stored(studio: Studio) -> None:
    page, stream = await studio.page()
    await stream.send(typed("r1", "Hello"))
    await page.until(lambda: page.said(Speaker.USER) == ["Hello"])
    assert page.picture.turns[0].ref == "r1"
    assert page.picture.agent == AgentState.THINKING
    assert studio.host.is_busy
    assert studio.office.writes == 1


async def test_the_same_text_twice_is_one(studio: Studio) -> None:
    page, stream = await studio.page()
    for ref in ("r1", "r1", "r2"):
        await stream.send(typed(ref, "Hello"))
    await page.until(lambda: len(page.picture.turns) == 2)
    assert [turn.ref for turn in page.picture.turns] == ["r1", "r2"]


async def test_a_text_that_an_earlier_host_took_is_not_taken_again() -> None:
    picture = picture_of((Speaker.USER, "Hello"), refs=True)
    async with studio_of(picture=picture) as studio:
        page, stream = await studio.page()
        await stream.send(typed("r1", "Hello"))
        await stream.send(typed("r2", "Anybody?"))
        await page.until(lambda: len(page.said(Speaker.USER)) > 1)
        assert page.said(Speaker.USER) == ["Hello", "Anybody?"]


async def test_the_texts_that_are_remembered_are_bounded(studio: Studio) -> None:
    page, stream = await studio.page()
    for number in range(KNOWN_REFS + 1):
        await stream.send(typed(f"r{number}", "x"))
    await stream.send(typed("r0", "forgotten"))
    await stream.send(typed(f"r{KNOWN_REFS}", "known"))
    await stream.send(typed("last", "new"))
    await page.until(lambda: page.picture.turns and page.said(Speaker.USER)[-1] == "new")
    assert page.said(Speaker.USER)[KNOWN_REFS + 1 :] == ["forgotten", "new"]


async def test_words_that_are_not_stored_refuse_more_until_they_are(studio: Studio) -> None:
    page, stream = await studio.page()
    longest = "x" * p.TEXT_CHARS
    taken = UNSAVED_CHARS // p.TEXT_CHARS + 1
    for number in range(taken + 1):
        await stream.send(typed(f"r{number}", longest))
    await page.until(lambda: refusals(page) == ["store-behind"])
    assert len(batch_of(studio.host).turns) == taken
    studio.host.not_stored()
    await stream.send(typed("again", "Hello?"))
    await page.until(lambda: len(refusals(page)) == 2)
    assert codes(page) == [], "refusals are nobody else's, and are not kept"

    store(studio.host)
    await stream.send(typed("again", "Hello?"))
    await page.until(lambda: page.said(Speaker.USER)[-1] == "Hello?")
    assert len(refusals(page)) == 2


async def test_the_user_ends_it(studio: Studio) -> None:
    page, stream = await studio.page()
    await stream.send(p.encode(p.End()))
    await stream.send(typed("r1", "Hello"))
    await page.until(lambda: page.said(Speaker.USER))
    assert studio.office.ends == [EndReason.USER_LEFT]


# --- the end ---------------------------------------------------------------------------


async def test_the_end_is_stored_before_it_is_told(studio: Studio) -> None:
    page, stream = await studio.page()
    await stream.send(typed("r1", "Hello"))
    await page.until(lambda: page.said(Speaker.USER))
    studio.host.close_turns()
    studio.host.conclude(EndReason.USER_LEFT)
    batch = batch_of(studio.host)
    assert (batch.state, batch.end_reason) == (ConversationState.ENDED, EndReason.USER_LEFT)
    assert batch.events[-1].kind == "ended"
    await stream.send(typed("r2", "Too late"))
    studio.host.stored(Outcome(batch.conversation_id, fenced=False, saved=[]))
    assert page.picture.ended is None
    studio.host.say_farewell()
    await page.until(lambda: page.picture.ended == EndReason.USER_LEFT)
    assert isinstance(page.events[-1], p.Ended)
    assert page.said(Speaker.USER) == ["Hello"]
    assert studio.host.take_batch() is None


async def test_a_pause_is_told_and_stored(studio: Studio) -> None:
    page, _ = await studio.page()
    studio.host.hear([live.Connected(renewed=True)])
    studio.host.hear([live.OutputTranscript(text="The price is")])
    studio.host.close_turns()
    studio.host.pause()
    await page.until(lambda: page.picture.state == ConversationState.PAUSED)
    batch = batch_of(studio.host)
    assert (batch.state, batch.end_reason) == (ConversationState.PAUSED, None)
    assert [turn.state for turn in batch.turns] == [TurnState.INTERRUPTED]


# --- the store -------------------------------------------------------------------------


async def test_only_what_is_stored_is_marked_as_saved(studio: Studio) -> None:
    page, stream = await studio.page()
    await stream.send(typed("r1", "Hello"))
    await page.until(lambda: page.said(Speaker.USER))
    studio.host.hear([live.OutputTranscript(text="Good ")])
    store(studio.host)
    await page.until(lambda: page.picture.turns[0].saved)
    assert [turn.saved for turn in page.picture.turns] == [True, False]


async def test_what_the_database_did_not_take_comes_again_with_what_is_newer(
    studio: Studio,
) -> None:
    page, stream = await studio.page()
    await stream.send(typed("r1", "Hello"))
    await page.until(lambda: page.said(Speaker.USER))
    studio.host.hear([live.OutputTranscript(text="Good ")])
    assert [turn.text for turn in batch_of(studio.host).turns] == ["Hello", "Good "]
    studio.host.hear([live.OutputTranscript(text="morning"), live.TurnComplete()])
    studio.host.not_stored()
    again = batch_of(studio.host)
    assert [(turn.text, turn.state) for turn in again.turns] == [
        ("Hello", TurnState.FINAL),
        ("Good morning", TurnState.FINAL),
    ]
    assert not any(turn.saved for turn in page.picture.turns)


async def test_without_news_there_is_nothing_to_store(studio: Studio) -> None:
    studio.host.hear([live.Connected(renewed=True)])
    store(studio.host)
    assert studio.host.take_batch() is None
    studio.host.hear([live.Disconnected(live.GO_AWAY)])
    assert batch_of(studio.host).state == ConversationState.ROTATING


async def test_what_a_page_can_be_shown_stays_bounded(studio: Studio) -> None:
    page, stream = await studio.page()
    for number in range(20):
        await stream.send(typed(f"r{number}", "x" * p.TEXT_CHARS))
        await page.until(lambda: len(page.picture.turns) == number + 1)  # noqa: B023 - awaited here
        store(studio.host)
    late, _ = await studio.page()
    assert late.picture.earlier
    assert sum(len(turn.text) for turn in late.picture.turns) <= p.SNAPSHOT_BYTES
    assert late.picture.turns[-1].ref == "r19"


# --- viewers ---------------------------------------------------------------------------


async def test_a_stalled_page_does_not_hold_up_another(studio: Studio) -> None:
    stalled = await studio.open(window=4096, mode="observe")
    page, _ = await studio.page()
    for number in range(1, 41):
        studio.host.hear([live.Audio(data=SECOND, rate=24_000)])
        studio.host.hear([live.OutputTranscript(text="la ")])
        await page.until(lambda: page.audio_bytes == number * len(SECOND))  # noqa: B023
    studio.host.hear([live.TurnComplete()])
    await page.until(page.answered)
    assert page.said(Speaker.AGENT) == ["la " * 40]
    assert all(viewer.audio_bytes <= AUDIO_BYTES for viewer in studio.host.viewers)

    behind = Page()
    reader = asyncio.create_task(read(behind, stalled))
    await behind.until(lambda: behind.seq == page.seq)
    await behind.until(lambda: any(isinstance(m, p.Gap) for m in behind.messages))
    assert behind.picture == page.picture
    studio.host.close_viewers("")
    await reader


async def test_an_interruption_drops_the_audio_that_waits(studio: Studio) -> None:
    await studio.open(window=4096)
    page, _ = await studio.page("observe")
    for _ in range(5):
        studio.host.hear([live.Audio(data=SECOND, rate=24_000)])
    assert sum(viewer.audio_bytes for viewer in studio.host.viewers) > 0
    studio.host.hear([live.Interrupted()])
    assert sum(viewer.audio_bytes for viewer in studio.host.viewers) == 0
    await page.until(lambda: page.picture.agent == AgentState.INTERRUPTED)


async def test_since_when_nobody_looks(studio: Studio) -> None:
    def left_at() -> float | None:
        return studio.host.left_at

    assert left_at() == 1000.0
    page, first = await studio.page("observe")
    assert left_at() == 1000.0, "an observer is nobody here"
    owner, second = await studio.page("join")
    assert left_at() is None
    studio.now = 1060.0
    first.close("left")
    await page.until(lambda: len(studio.host.viewers) == 1)
    assert left_at() is None
    second.close("left")
    await owner.until(lambda: not studio.host.viewers)
    assert left_at() == 1060.0


async def test_times_count_from_the_conversations_beginning() -> None:
    async with studio_of(age_s=90.0) as studio:
        page, stream = await studio.page()
        studio.now += 1.5
        await stream.send(typed("r1", "Hello"))
        await page.until(lambda: page.said(Speaker.USER))
        assert page.picture.turns[0].ms == 91_500


async def test_a_conversation_that_another_machines_clock_began_later_has_no_negative_times() -> (
    None
):
    async with studio_of(age_s=-5.0) as studio:
        page, stream = await studio.page()
        await stream.send(typed("r1", "Hello"))
        await page.until(lambda: page.said(Speaker.USER))
        (turn,) = batch_of(studio.host).turns
        assert (turn.start_ms, turn.end_ms) == (0, 0)


# --- what a new session has to know -----------------------------------------------------


async def test_a_new_session_is_told_what_was_said_and_what_is_unanswered() -> None:
    picture = picture_of(
        (Speaker.USER, "Hello"),
        (Speaker.AGENT, "Good morning"),
        (Speaker.SYSTEM, "not for the model"),
        (Speaker.USER, "Do you have"),
        (Speaker.AGENT, ""),
        (Speaker.USER, "size 42?"),
    )
    async with studio_of(picture=picture) as studio:
        history = studio.host.history()
    assert history == [
        live.text_content("user", "Hello"),
        live.text_content("model", "Good morning"),
        live.text_content("user", "Do you have"),
        live.text_content("user", "size 42?"),
    ]
    assert unanswered(picture) == ["Do you have", "size 42?"]


async def test_what_a_new_session_is_told_is_bounded() -> None:
    said = [(Speaker.AGENT, str(number)) for number in range(HISTORY_TURNS + 5)]
    picture = picture_of(*said)
    async with studio_of(picture=picture) as studio:
        history = studio.host.history()
    assert history == [live.text_content("model", text) for _, text in said[5:]]
    assert unanswered(picture) == []


async def test_each_change_of_the_session_is_told(studio: Studio) -> None:
    page, _ = await studio.page()
    studio.host.hear([live.Connected(), live.Disconnected(live.GO_AWAY), live.Connected()])
    await page.until(lambda: page.picture.state == ConversationState.LIVE)
    assert codes(page) == [], "a rotation is nothing that a user has to know"
    studio.host.hear([live.Disconnected("connection_lost"), live.Connected(renewed=True)])
    await page.until(lambda: len(codes(page)) == 2)
    assert codes(page) == ["upstream-lost", "session-renewed"]
