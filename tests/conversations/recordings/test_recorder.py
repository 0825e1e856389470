"""From the live path to the storage: nobody waits, little is lost, all of it in its place."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from channels.layers import InMemoryChannelLayer

from accounts.database import in_database
from conversations import protocol as p
from conversations.attachment import Switchboard
from conversations.bus import Bus
from conversations.models import Agent
from conversations.recordings.mix import at_rate
from conversations.recordings.recorder import Recorder
from conversations.recordings.sound import Samples
from conversations.recordings.storing import Stored, Whose, store_file
from conversations.recordings.tape import SEGMENT_MS, Segment
from conversations.states import ConversationState, EndReason, Speaker
from conversations.worker import Worker, WorkerOptions
from live.simulator.speech import speak
from tests.children import Child, Children
from tests.conversations.client import dial
from tests.conversations.conftest import Stage
from tests.conversations.page import Page
from tests.conversations.recordings.takes import (
    a_segment,
    agree,
    allow_recording,
    heard,
    hosted,
    kept,
)

pytestmark = [pytest.mark.timeout(90), pytest.mark.usefixtures("shared_database")]

SECRET = b"s" * 32
FRAME = 640  # bytes of 20 ms


# --- a storage that stands still --------------------------------------------------------


@dataclass
class Stalled:
    """A storage that takes nothing until it is told to, and fails once on the way."""

    goes_on: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    failures: int = 1

    def __call__(self, whose: Whose, segment: Segment) -> Stored:
        self.began.set()
        self.goes_on.wait()
        if self.failures:
            self.failures -= 1
            raise OSError
        return store_file(whose, segment)


async def test_a_storage_that_stalls_delays_nobody_and_what_is_lost_is_told(stage: Stage) -> None:
    whose = await in_database(hosted, stage.agent)
    storage, size = Stalled(), len(a_segment().pcm)
    recorder = Recorder(queue_bytes=3 * size, store=storage)
    took = []
    for number in range(8):
        began = time.perf_counter()
        recorder.keep(whose, a_segment(number))
        took.append(time.perf_counter() - began)
        assert recorder.waiting_bytes <= 3 * size
    assert storage.began.wait(30)
    assert np.median(took) < 0.01
    assert not await recorder.finished(0.01)
    storage.goes_on.set()
    assert await recorder.finished(30)
    assert await recorder.finished(30)  # the note of what is lost has its turn after the rest
    assert recorder.waiting_bytes == 0
    rows = await asyncio.to_thread(kept, whose.conversation_id)
    assert [(row.segment, bool(row.file), row.lost_ms) for row in rows] == [
        *((number, True, 0) for number in range(3)),
        (3, False, 5000),
    ]
    recorder.close()


# --- a worker ----------------------------------------------------------------------------


@pytest.fixture
async def switchboard(shared_database: None) -> AsyncIterator[Switchboard]:
    """One that reaches a worker of this process."""
    bus = Bus(InMemoryChannelLayer())
    await bus.start()
    worker = Worker(bus, WorkerOptions(listen_at=("127.0.0.1", 0), link_secret=SECRET))
    await worker.start()
    switchboard = Switchboard(SECRET, bus=bus)
    yield switchboard
    await worker.aclose()
    await switchboard.aclose()


async def test_both_sides_stand_where_the_turns_do(stage: Stage, switchboard: Switchboard) -> None:
    conversation = await stage.new_conversation()
    await in_database(agree, stage.agent, conversation)
    page, answer, clock = Page(), bytearray(), asyncio.get_running_loop().time
    attachment = await switchboard.attach(conversation.id, epoch=0, seq=0)

    async def follow() -> None:
        async for frame in attachment.frames():
            page.take(frame)
            if frame[0] == p.AUDIO:
                answer.extend(frame[p.HEADER.size :])
            if attachment.stream is not None:
                attachment.stream.consumed(len(frame))

    following = asyncio.create_task(follow())
    following.add_done_callback(page.follower_ended)
    await page.until(lambda: page.picture.state == ConversationState.LIVE)
    assert page.picture.recording
    zero = clock() - page.events[-1].ms / 1000  # when the conversation began, to a few ms
    said = speak("Hello, count to three", 16_000)
    began_ms = (clock() - zero) * 1000
    due = clock()
    for start in range(0, len(said) + 32_000, FRAME):
        pcm = said[start : start + FRAME].ljust(FRAME, b"\0")
        due += 0.02
        await asyncio.sleep(max(0.0, due - clock()))  # a microphone's pace
        await attachment.send(p.HEADER.pack(p.AUDIO, 0, 160, start // FRAME) + pcm)
    await page.until(page.answered)
    await page.until(lambda: page.picture.agent == "listening")
    await attachment.send(p.encode(p.End()))
    await page.until(lambda: page.picture.ended == EndReason.USER_LEFT)
    told = [event.on for event in page.events if isinstance(event, p.Recording)]
    assert told[-1] is False
    await attachment.aclose()
    await asyncio.gather(following, return_exceptions=True)

    frames = await asyncio.to_thread(heard, conversation.id)
    question = at_rate(np.frombuffer(said, np.int16), 16_000)
    assert abs(place(frames[:, 0], question) / 24 - began_ms) <= 50
    sound = np.frombuffer(answer, np.int16)
    at = place(frames[:, 1], sound)
    starts = [event.ms for event in page.events if isinstance(event, p.AudioStarted)]
    assert abs(at / 24 - starts[0]) <= 50
    assert np.array_equal(frames[at : at + len(sound), 1], sound[: len(frames) - at])


def place(where: Samples, what: Samples) -> int:
    """The sample at which a sound stands in another one, by their likeness."""
    size = len(where) + len(what)
    likeness = np.fft.irfft(np.fft.rfft(where, size) * np.conj(np.fft.rfft(what, size)), size)
    return int(np.argmax(likeness[: len(where)]))


# --- its death ----------------------------------------------------------------------------


@pytest.mark.full
async def test_the_death_of_a_worker_costs_five_seconds(stage: Stage, spawn: Children) -> None:
    await in_database(allow_recording, stage.agent, Agent.Recorded.REQUIRED)
    first = await hire(spawn)
    web = await asyncio.to_thread(spawn, "web", "--port", "0", ready="Serving on")
    url = web.wait_for(r"Serving on (http://\S+)").group(1)
    page = Page()
    async with dial(url, page=page) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key, consent="2026-11.30"))
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        zero = time.monotonic() - page.events[-1].ms / 1000
        await client.speak(np.full(16_000 * 11, 5000, np.int16).tobytes())
        killed_ms = (time.monotonic() - zero) * 1000
        first.kill()
        await hire(spawn)
        await page.until(lambda: page.epoch > 1 and page.picture.recording)
        await client.speak(np.full(16_000 * 2, 5000, np.int16).tobytes())
        await client.say(p.End())
        await page.until(lambda: page.picture.ended)
    hello = next(m for m in page.messages if isinstance(m, p.Hello))
    conversation = uuid.UUID(hello.conversation)
    rows = [row for row in await asyncio.to_thread(kept, conversation) if row.side == "user"]
    before = [row for row in rows if row.epoch == 1]
    assert before[-1].start_ms + before[-1].length_ms >= killed_ms - 5000
    assert {row.length_ms for row in before} == {SEGMENT_MS}
    assert [row for row in rows if row.epoch > 1]
    assert rows[0].side == Speaker.USER


async def hire(spawn: Children) -> Child:
    return await asyncio.to_thread(spawn, "worker", ready="serves at")
