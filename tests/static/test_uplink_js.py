"""What the page sends up, holds and sheds: `uplink.js`, played through on a made-up connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from conversations import protocol as p
from tests.static.stand_in import stand_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIECE_MS = 32
PICTURE = 60_000
# A line carries `rate` bytes a millisecond; the microphone gives a piece each 32 ms, the camera a
# picture each second. Returns the frames that went (kind, sequence number, when), and the states.
PLAY = """(m, {ms, rates, voice, camera}) => {
    const uplink = new m.Uplink();
    const sent = [], states = [];
    let buffered = 0, most = 0, lost = 0, oldest = 0;
    for (let now = 0; now < ms; now += 4) {
        const rate = rates.findLast(([from]) => from <= now)[1];
        buffered = Math.max(0, buffered - rate * 4);
        if (voice && now % 32 === 0) uplink.pushVoice(new Int16Array(512).fill(now / 32), now);
        if (camera && now % 1000 === 0) uplink.pushPicture(new ArrayBuffer(camera));
        for (const frame of uplink.take(buffered, now)) {
            const header = new DataView(frame);
            const at = new Int16Array(frame.slice(8, 10))[0] * 32;
            const kind = header.getUint8(0);
            if (kind === 1) oldest = Math.max(oldest, now - at);
            sent.push([kind, header.getUint32(4, true), now, kind === 1 ? at : 0]);
            buffered += frame.byteLength;
        }
        most = Math.max(most, buffered);
        lost += uplink.takeLost();
        if (states.at(-1)?.[1] !== uplink.isCameraPaused) states.push([now, uplink.isCameraPaused]);
    }
    return {sent, states, most, lost, oldest};
}"""


@dataclass
class Played:
    """`most` bytes were in the browser's queue at once; `oldest` ms old was the oldest voice."""

    sent: list[list[int]]
    states: list[list[Any]]
    most: int
    lost: float
    oldest: int

    def of(self, kind: int) -> list[list[int]]:
        return [frame for frame in self.sent if frame[0] == kind]


class Uplink:
    def __init__(self, page: Page) -> None:
        self.page = page

    async def constants(self) -> dict[str, int]:
        found: dict[str, int] = await self.page.evaluate(
            "async () => ({...await import('/static/js/conversation/uplink.js'), Uplink: 0})"
        )
        return found

    async def play(
        self, ms: int, *rates: tuple[int, float], voice: bool = True, camera: int = PICTURE
    ) -> Played:
        """`rates`: from which ms on the line carries how many bytes a ms."""
        told = {"ms": ms, "rates": rates, "voice": voice, "camera": camera}
        script = f"""async () => {{
            const m = await import('/static/js/conversation/uplink.js');
            return ({PLAY})(m, {json.dumps(told)});
        }}"""
        return Played(**await self.page.evaluate(script))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uplink(chromium_path: Path) -> AsyncIterator[Uplink]:
    async with stand_in() as site, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox"]
        )
        page = await browser.new_page()
        site.pages["/empty/"] = "<!doctype html><title>empty</title>"
        await page.goto(f"{site.url}/empty/")
        yield Uplink(page)
        await browser.close()


async def test_on_a_good_line_everything_goes_at_once(uplink: Uplink) -> None:
    played = await uplink.play(10_000, (0, 1000))
    assert [frame[1] for frame in played.of(p.AUDIO)] == list(range(313))
    assert [frame[1:3] for frame in played.of(p.PICTURE)] == [[n, n * 1000] for n in range(10)]
    assert played.oldest <= PIECE_MS  # behind a picture
    assert played.lost == 0
    assert played.states == [[0, False]]


async def test_on_a_slow_line_the_camera_pauses_and_the_voice_is_whole(uplink: Uplink) -> None:
    """40 bytes a ms carry the voice (32) and hardly more: pictures make way, and come back."""
    limits = await uplink.constants()
    played = await uplink.play(120_000, (0, 40), (60_000, 1000))
    assert played.lost == 0
    assert [frame[1] for frame in played.of(p.AUDIO)] == list(range(len(played.of(p.AUDIO))))
    assert played.oldest < limits["VOICE_AGE_MS"]
    paused = [when for when, is_paused in played.states if is_paused]
    again = [when for when, is_paused in played.states[1:] if not is_paused]
    assert paused
    assert paused[0] < 10_000
    # Longer each time: the voice is not made late by tries over and over.
    pauses = [end - start for start, end in zip(paused, again, strict=False)]
    assert all(pause >= limits["CLEAR_MS"] for pause in pauses)
    assert pauses[1] > pauses[0] + limits["CLEAR_MS"] / 2
    assert played.states[-1][1] is False
    assert len([frame for frame in played.of(p.PICTURE) if frame[2] > 100_000]) >= 18


async def test_on_a_line_too_slow_for_the_voice_the_oldest_is_shed(uplink: Uplink) -> None:
    limits = await uplink.constants()
    played = await uplink.play(60_000, (0, 16))
    whole = {n * PIECE_MS for n in range(-(-60_000 // PIECE_MS))}
    went = [frame[3] for frame in played.of(p.AUDIO)]
    assert went == sorted(went)
    assert [frame[1] for frame in played.of(p.AUDIO)] == list(range(len(went)))
    assert played.oldest <= limits["VOICE_AGE_MS"]
    # What waits at the end is neither lost nor sent.
    shed = {at for at in whole - set(went) if at < 60_000 - limits["VOICE_AGE_MS"]}
    assert played.lost == pytest.approx(len(shed) * PIECE_MS, abs=2 * PIECE_MS)
    assert len(played.of(p.PICTURE)) == 1  # the first, before the line was known


async def test_a_line_that_stalls_holds_a_bounded_amount(uplink: Uplink) -> None:
    limits = await uplink.constants()
    played = await uplink.play(30_000, (0, 1000), (2_000, 0), (20_000, 1000))
    frame = p.HEADER.size + 1024
    assert played.most < limits["VOICE_AHEAD_BYTES"] + frame + PICTURE
    late = [each for each in played.of(p.AUDIO) if each[2] >= 20_000]
    assert late[0][3] >= 20_000 - limits["VOICE_AGE_MS"]
    assert 12_000 < played.lost < 14_000  # 18 s less 5 that waited and 1 in the browser
    assert [each[1] for each in played.states] == [False, True, False]


async def test_a_picture_never_makes_the_voice_wait_for_it(uplink: Uplink) -> None:
    played = await uplink.play(20_000, (0, 1000), camera=p.PICTURE_BYTES - p.HEADER.size)
    assert played.oldest < 250  # of the largest picture, on a line that carries it in 0.2 s
    assert len(played.of(p.PICTURE)) == 20


async def test_the_camera_alone_fills_what_the_line_carries(uplink: Uplink) -> None:
    played = await uplink.play(60_000, (0, 80), voice=False)
    assert len(played.of(p.PICTURE)) == 60
    slow = await uplink.play(60_000, (0, 45), voice=False)  # a picture takes 1.3 s
    assert 30 <= len(slow.of(p.PICTURE)) < 60
    assert slow.states == [[0, False]]  # it goes on, at its pace


async def test_what_is_held_is_forgotten_with_its_device_and_its_socket(uplink: Uplink) -> None:
    script = """async () => {
        const { Uplink } = await import('/static/js/conversation/uplink.js');
        const uplink = new Uplink();
        const busy = 10 ** 6;
        uplink.pushVoice(new Int16Array(512), 0);
        for (let n = 0; n < 4; n += 1) uplink.pushPicture(new ArrayBuffer(10));
        const before = [uplink.take(busy, 0).length, uplink.isCameraPaused];
        uplink.clearVoice();
        uplink.clearPictures();
        const after = [uplink.take(0, 0).length, uplink.isCameraPaused];
        uplink.pushVoice(new Int16Array(512), 0);
        uplink.take(0, 0);
        uplink.restart();
        uplink.pushVoice(new Int16Array(512), 0);
        return [before, after, new DataView(uplink.take(0, 0)[0]).getUint32(4, true)];
    }"""
    assert await uplink.page.evaluate(script) == [[0, True], [0, False], 0]
