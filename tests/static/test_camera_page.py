"""Camera and screen on the conversation page, with Chromium's fake camera."""

from __future__ import annotations

import struct

import pytest
from playwright.async_api import expect

from conversations import protocol as p
from tests.static.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSE = """(name) => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", name); };
}"""
# A screen of 800 by 1600, as if the person had chosen the whole of it.
SHARE = """() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 800, height: 1600});
        canvas.getContext("2d").fillRect(0, 0, 400, 400);
        const stream = canvas.captureStream(5);
        const [track] = stream.getVideoTracks();
        track.getSettings = () => ({displaySurface: "monitor"});
        return stream;
    };
}"""
END_TRACK = """() => {
    const {srcObject} = document.querySelector("video");
    srcObject.getVideoTracks()[0].dispatchEvent(new Event("ended"));
}"""
SLOW = """(buffered) => Object.defineProperty(
    WebSocket.prototype, "bufferedAmount", {get: () => buffered, configurable: true})"""


def jpeg_size(frame: bytes) -> tuple[int, int]:
    """Width and height in pixels: a baseline JPEG's frame header comes before its scan."""
    at = frame.index(b"\xff\xc0")
    height, width = struct.unpack_from(">HH", frame, at + 5)
    return width, height


async def camera_is(visit: Visit, state: str, name: str = "camera") -> None:
    await visit.is_now(f"{name}-toggle", state)


async def test_the_camera_is_shown_and_sent_until_it_is_turned_off(visit: Visit) -> None:
    await visit.start()
    await expect(visit.part("look")).to_be_hidden()
    await visit.part("camera-toggle").click()
    await camera_is(visit, "on")
    await expect(visit.part("look")).to_be_visible()
    await expect(visit.part("camera-toggle")).to_have_attribute("aria-pressed", "true")
    await visit.site.until(lambda: len(visit.site.pictures) >= 2)
    for number, frame in enumerate(visit.site.pictures[:2]):
        p.check_input_frame(frame)
        assert p.HEADER.unpack_from(frame) == (p.PICTURE, 0, 0, number)
        assert max(jpeg_size(frame)) == 768
    width, height = jpeg_size(visit.site.pictures[0])
    told = f"{width} \u00d7 {height}, 1 picture a second"
    await expect(visit.part("look-sent")).to_contain_text(told)
    stream = await visit.page.evaluate_handle("document.querySelector('video').srcObject")
    await visit.part("look-off").click()
    await camera_is(visit, "off")
    await expect(visit.part("look")).to_be_hidden()
    await expect(visit.part("camera-toggle")).to_be_focused()
    assert await stream.evaluate("stream => stream.getTracks()[0].readyState") == "ended"


async def test_what_goes_wrong_with_a_camera_has_a_name_and_a_way_out(visit: Visit) -> None:
    await visit.start()
    for name, state in (
        ("NotAllowedError", "blocked"),
        ("NotFoundError", "not-found"),
        ("NotReadableError", "in-use"),
    ):
        await visit.page.evaluate(REFUSE, name)
        await visit.part("camera-toggle").click()
        await camera_is(visit, state)
        await expect(visit.part("camera-problem")).to_be_visible()
        await expect(visit.part("camera-problem")).to_have_attribute("data-state", state)
        await visit.part("camera-problem-dismiss").click()
        await expect(visit.part("camera-problem")).to_be_hidden()
    await visit.is_now("connection", "ready")
    assert visit.site.pictures == []


async def test_a_camera_that_is_unplugged_and_a_screen_no_longer_shared(visit: Visit) -> None:
    await visit.start()
    await visit.page.evaluate(SHARE)
    await visit.part("camera-toggle").click()
    await camera_is(visit, "on")
    await visit.page.evaluate(END_TRACK)
    await camera_is(visit, "ended-by-browser")
    await expect(visit.part("camera-problem")).to_contain_text("unplugged")
    await visit.part("screen-toggle").click()
    await camera_is(visit, "on", "screen")
    await camera_is(visit, "off")
    await expect(visit.part("camera-problem")).to_be_hidden()
    await expect(visit.part("look-name")).to_contain_text("whole screen")
    seen = len(visit.site.pictures)
    await visit.site.until(lambda: len(visit.site.pictures) > seen)
    assert jpeg_size(visit.site.pictures[-1]) == (384, 768)
    await visit.page.evaluate(END_TRACK)
    await camera_is(visit, "off", "screen")
    await expect(visit.part("look")).to_be_hidden()
    await expect(visit.part("camera-problem")).to_be_hidden()


async def test_a_slow_connection_pauses_the_camera_and_says_so(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.start()
    await visit.part("camera-toggle").click()
    await visit.site.until(lambda: visit.site.pictures)
    await visit.page.evaluate(SLOW, 1_000_000)
    seconds = 0
    while await visit.part("slow").is_hidden():
        seconds += 1
        assert seconds < 30
        await visit.page.clock.fast_forward(1000)
    await expect(visit.part("slow")).to_have_text("Your connection is slow: camera paused")
    await expect(visit.part("look")).to_have_attribute("data-state", "degraded")
    await expect(visit.part("slow-status")).to_contain_text("camera paused")
    await visit.type("Can you read this?")  # words go all the same
    await visit.site.until(lambda: visit.site.sent("text"))
    before = len(visit.site.pictures)
    await visit.page.evaluate(SLOW, 0)
    while len(visit.site.pictures) == before:
        await visit.page.clock.fast_forward(1000)
    await expect(visit.part("slow")).to_be_hidden()


async def test_voice_that_did_not_get_through_is_told_once(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.start()
    for ms in (900, 1000):
        await visit.site.send(p.encode(p.Gap(stream=0, ms=ms, speaker="user")))
    await visit.site.user_says("Hello")
    await expect(visit.part("turn")).to_have_count(1)
    await visit.page.clock.fast_forward(2500)
    line = visit.page.get_by_text("1.9 s of your voice did not get through")
    await expect(line).to_have_count(1)
