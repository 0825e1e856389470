"""Flow control between real processes: whoever stalls slows its own conversation, and memory stays.

The bounds of the hops are listed, and held against the code, in `test_flow_bounds`; the queues
alone are tested with their modules. Here they stand in a row: simulator, worker, link, web
process, page, and one of them stalls.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from conversations import protocol as p
from conversations.link import DEFAULT_WINDOW
from conversations.states import ConversationState, Speaker
from conversations.worker.viewer import AUDIO_BYTES
from live.simulator import Pace
from live.simulator.scenario import GoAway, Script, Stall, Step
from tests.children import Child, Children
from tests.conversations.client import Client, dial
from tests.raw_socket import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    VIOLATIONS,
    RawSocket,
    dial_raw,
    frame,
)

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("shared_database")]

MEBIBYTE = 1024 * 1024
# What a process may grow by for other reasons: buffers of the kind in use, not queues.
FLAT = 30 * MEBIBYTE
STORY = "Count to one hundred"
STORY_BYTES = 2 * MEBIBYTE  # of sound, at the least
MS = 48  # bytes of the agent's voice
# The largest frame of a user's voice: 2 s.
SPEECH = bytes(p.FRAME_BYTES - p.HEADER.size)
BOTH_SERVERS = ["daphne", pytest.param("uvicorn", marks=pytest.mark.full)]


@dataclass(frozen=True)
class Site:
    """A worker process and a web process."""

    url: str
    web: Child
    worker: Child

    def resident(self) -> list[int]:
        """Bytes of memory of both."""
        return [psutil.Process(each.pid).memory_info().rss for each in (self.web, self.worker)]


def start_web(spawn: Children, server: str) -> tuple[str, Child]:
    web = spawn("web", "--server", server, "--port", "0", ready="Serving on")
    return web.wait_for(r"Serving on (http://\S+)").group(1), web


@pytest.fixture(scope="module", params=BOTH_SERVERS)
def site(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[Site]:
    spawn = Children()
    try:
        worker = spawn("worker", ready="serves at")
        yield Site(*start_web(spawn, request.param), worker)
    finally:
        spawn.stop()


@pytest.fixture
def quick(stage: Stage) -> Stage:
    """A model that says a story of two minutes in a second."""
    stage.simulator.pace = Pace(setup=0.02, thinking=0.02, speed=200, playback=0.01)
    return stage


@asynccontextmanager
async def talking(url: str, stage: Stage) -> AsyncIterator[Client]:
    """A conversation that is live."""
    async with dial(url) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(lambda: client.page.picture.state == ConversationState.LIVE)
        yield client


async def ask(client: Client, text: str) -> None:
    """Ask, and wait for the whole answer."""
    answers = len(client.page.said(Speaker.AGENT))
    await client.say(p.SendText(id=f"r{answers}", text=text))
    await client.page.until(lambda: client.page.answered(answers + 1))


def gaps(client: Client, speaker: str) -> list[p.Gap]:
    return [m for m in client.page.messages if isinstance(m, p.Gap) and m.speaker == speaker]


@contextmanager
def stopped(child: Child) -> Iterator[None]:
    child.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        child.send_signal(signal.SIGCONT)


def heard_or_told(client: Client) -> int:
    """Bytes of the agent's voice that came, or are said to have been left out."""
    return client.page.audio_bytes + sum(gap.ms * MS for gap in gaps(client, "agent"))


async def test_a_page_that_stalls(site: Site, quick: Stage) -> None:
    async with talking(site.url, quick) as slow, talking(site.url, quick) as other:
        before = site.resident()
        slow.socket.transport.pause_reading()
        await slow.say(p.SendText(id="r0", text=STORY))
        await ask(other, STORY)
        assert all(now - then < FLAT for now, then in zip(site.resident(), before, strict=True))
        slow.socket.transport.resume_reading()
        await slow.page.until(slow.page.answered)
        # Events overtake sound: the last of it comes after the answer's end. The same words take
        # the same time, so both have been told of the same; a gap is told in whole milliseconds.
        await slow.page.until(
            lambda: (
                heard_or_told(other) > STORY_BYTES
                and abs(heard_or_told(other) - heard_or_told(slow)) < 10 * MS
            )
        )
        assert gaps(slow, "agent")
        assert slow.page.audio_bytes <= DEFAULT_WINDOW + AUDIO_BYTES + p.FRAME_BYTES
        assert slow.page.snapshots == 1
        await ask(slow, "Count to three")
        assert "three" in slow.page.said(Speaker.AGENT)[1].lower()


async def test_a_model_that_takes_nothing(site: Site, quick: Stage) -> None:
    """The user's oldest voice goes, and is told; the model is read all the same: its goAway."""
    stalls = Step(do=Stall(seconds=600.0), at="ready")
    leaves = Step(do=GoAway(time_left=0.5), at="ready", after=5.0)
    quick.simulator.script(Script(steps=(stalls, leaves)))
    async with talking(site.url, quick) as slow, talking(site.url, quick) as other:
        before = site.resident()
        for number in range(1000):
            await slow.socket.send(p.HEADER.pack(p.AUDIO, 0, 160, number) + SPEECH)
            await asyncio.sleep(0)
            if gaps(slow, "user"):
                break
        await slow.page.until(lambda: gaps(slow, "user"))
        await ask(other, "Count to three")
        assert all(now - then < FLAT for now, then in zip(site.resident(), before, strict=True))
        await slow.say(p.SendText(id="r0", text="Count to four"))
        await slow.page.until(slow.page.answered)
        states = [e.state for e in slow.page.events if isinstance(e, p.StateChanged)]
        assert ConversationState.ROTATING in states
        assert "four" in slow.page.said(Speaker.AGENT)[-1].lower()


async def test_redis_that_stalls(site: Site, quick: Stage) -> None:
    """It carries no conversation: those that run notice nothing."""
    with redis.from_url(os.environ["REDIS_URL"]) as server:
        async with talking(site.url, quick) as one, talking(site.url, quick) as other:
            server.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
            try:
                await asyncio.gather(ask(one, "Count to three"), ask(other, "Count to four"))
            finally:
                server.execute_command("CLIENT", "UNPAUSE")
            assert "three" in one.page.said(Speaker.AGENT)[0].lower()
            assert "four" in other.page.said(Speaker.AGENT)[0].lower()


@pytest.mark.full
async def test_a_web_process_that_stalls(site: Site, quick: Stage, spawn: Children) -> None:
    """The worker holds a bounded amount for it, and serves the others."""
    url, web = await asyncio.to_thread(start_web, spawn, "uvicorn")
    async with talking(url, quick) as slow, talking(site.url, quick) as other:
        before = site.resident()
        await slow.say(p.SendText(id="r0", text=STORY))
        await slow.page.until(lambda: slow.page.audio_bytes)
        with stopped(web):
            for _ in range(3):
                await ask(other, STORY)
            assert all(now - then < FLAT for now, then in zip(site.resident(), before, strict=True))
        await slow.page.until(slow.page.answered)
        await ask(slow, "Count to three")
        assert "three" in slow.page.said(Speaker.AGENT)[-1].lower()


@pytest.mark.full
async def test_a_worker_that_stalls(site: Site, quick: Stage) -> None:
    """The web process holds a few seconds of the voice, answers pings, and tells what it lost."""
    async with talking(site.url, quick) as slow:
        before = site.resident()
        with stopped(site.worker):
            for number in range(200):
                await slow.socket.send(p.HEADER.pack(p.AUDIO, 0, 160, number) + SPEECH)
                await asyncio.sleep(0)
            await slow.say(p.Ping())
            await slow.page.until(lambda: told_pongs(slow) and gaps(slow, "user"))
            assert site.resident()[0] - before[0] < FLAT
        await ask(slow, "Count to three")
        assert "three" in slow.page.said(Speaker.AGENT)[-1].lower()


def told_pongs(client: Client) -> int:
    return sum(isinstance(message, p.Pong) for message in client.page.messages)


# --- pictures --------------------------------------------------------------------------------


def jpeg(width: int, height: int) -> bytes:
    """As much of a JPEG as anybody here looks at."""
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8\xff\xc0\x00\x0b\x08" + size + bytes(4000) + b"\xff\xd9"


async def test_pictures_reach_the_model_and_bad_ones_are_told(site: Site, quick: Stage) -> None:
    async with talking(site.url, quick) as client:
        await client.socket.send(p.picture_frame(0, jpeg(640, 480)))
        await ask(client, "What do you see?")
        assert "I see one picture. The last one is 640 by 480" in client.page.said(Speaker.AGENT)[0]
        for bad in (b"GIF89a", jpeg(1, 1) + bytes(p.PICTURE_BYTES)):
            await client.socket.send(p.picture_frame(1, bad))
        assert await client.errors(2) == ["bad-picture", "picture-too-big"]
        for number in range(8):  # at once: some are too many, of the rest the newest goes
            await client.socket.send(p.picture_frame(number, jpeg(100 + number, 50)))
        assert "too-many-pictures" in await client.errors(3)
        shown = 0
        while "by 50 pixels" not in client.page.said(Speaker.AGENT)[-1]:
            shown += 1
            await ask(client, "What do you see?")
            assert shown < 20
        assert "I see 2 pictures" in client.page.said(Speaker.AGENT)[-1]


# --- the edge of RFC 6455 with our own consumer -------------------------------------------------


def test_violations_end_a_socket_of_ours_with_their_codes(site: Site) -> None:
    for what, (data, codes) in VIOLATIONS.items():
        with dial_raw(site.url, "/ws/conversations/") as client:
            client.send(data)
            assert client.until_close()[0] in codes, what
            assert [opcode for opcode, _ in client.seen] == [8], what


async def test_a_conversation_in_pieces_with_pings_between_them(site: Site, stage: Stage) -> None:
    def say(client: RawSocket, opcode: int, whole: bytes) -> None:
        first, *rest = [whole[at : at + 7] for at in range(0, len(whole), 7)]
        client.send(frame(opcode, first, final=False))
        for piece in rest:
            client.send(frame(PING, piece) + frame(CONTINUATION, piece, final=False))
        client.send(frame(CONTINUATION))

    def talk() -> tuple[int, list[str]]:
        with dial_raw(site.url, "/ws/conversations/") as client:
            say(client, TEXT, p.encode(p.Start(agent=str(stage.agent.id), key=stage.key)))
            say(client, BINARY, p.HEADER.pack(p.AUDIO, 0, 160, 0) + bytes(640))
            say(client, TEXT, p.encode(p.SendText(id="r1", text="Grüße, señor")))
            turn = None
            while turn is None:
                opcode, payload = client.read()
                if opcode == TEXT and p.position_decoder.decode(payload).kind == "turn-text":
                    turn = p.event_decoder.decode(payload)
            client.send(frame(TEXT, p.encode(p.End())))
            code, reason = client.until_close()
            assert reason == b"ended"
            pongs = sum(opcode == PONG for opcode, _ in client.seen)
            assert pongs > 90
            assert isinstance(turn, p.TurnText)
            return code, [turn.text]

    assert await asyncio.to_thread(talk) == (1000, ["Grüße, señor"])
