"""Being asked, the mark, stopping it; and the player beside a transcript."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from django.template.loader import render_to_string
from playwright.async_api import Route, expect

from conversations import protocol as p
from tests.static.conftest import Visit
from tests.static.stand_in import CONVERSATION, RECORDED_PAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAYER_PAGE = "/player/"


async def test_nothing_begins_without_a_yes_and_the_mark_stops_it(visit: Visit) -> None:
    await visit.open(RECORDED_PAGE)
    await visit.type("Hello there")
    await expect(visit.part("consent-need")).to_be_visible()
    await expect(visit.part("consent-check")).to_be_focused()
    await expect(visit.part("composer")).to_have_value("Hello there")
    assert visit.site.sockets == []
    await visit.part("consent-check").check()
    await expect(visit.part("consent-need")).to_be_hidden()
    await visit.part("composer").press("Enter")
    await visit.site.until(lambda: visit.site.sent("text"))
    assert visit.site.messages[0]["consent"] == "2026-11.30"

    await visit.site.event(p.Recording, on=True)
    await visit.site.go_live()
    await expect(visit.part("recording")).to_be_visible()
    await visit.page.reload()
    await visit.is_now("connection", "ready")
    await expect(visit.part("recording")).to_be_visible()
    await visit.part("recording").click()
    await visit.part("recording-stop").click()
    await visit.site.until(lambda: visit.site.sent("stop-recording"))
    await visit.site.event(p.Recording, on=False)
    await expect(visit.part("recording")).to_be_hidden()
    await expect(visit.part("scroll")).to_contain_text("The recording has stopped")


def a_sound(seconds: int) -> bytes:
    """A WAV file of two channels, 24 kHz: a tone."""
    tone = (3000 * np.sin(np.arange(24_000 * seconds) / 10)).astype(np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(24_000)
        sound.writeframes(np.repeat(tone, 2).tobytes())
    return file.getvalue()


def player_page() -> str:
    speakers = [("user", "Ada Byron", 1000, 2000), ("agent", "Shop assistant", 2000, 4000)]
    turns = [
        {
            "speaker": speaker,
            "speaker_name": name,
            "state": "final",
            "text": f"Said by {name}",
            "start_ms": start,
            "end_ms": end,
        }
        for speaker, name, start, end in speakers
    ]
    player = {"url": "/sound.wav", "length_ms": 4000, "lost_ms": 0}
    talk = {"id": CONVERSATION, "agent_id": CONVERSATION, "agent_name": "Shop assistant"}
    context = {"conversation": talk, "turns": turns, "player": player}
    return render_to_string("conversations/transcript.html", context)


async def test_a_turn_plays_from_its_beginning(visit: Visit) -> None:
    visit.site.pages[PLAYER_PAGE] = player_page()
    sound = a_sound(4)

    async def serve(route: Route) -> None:
        await route.fulfill(
            body=sound, headers={"Content-Type": "audio/wav", "Accept-Ranges": "bytes"}
        )

    await visit.page.route("**/sound.wav", serve)
    await visit.open(PLAYER_PAGE)
    play, second = visit.part("player-play"), visit.part("turn").nth(1)
    await expect(play).to_have_accessible_name("Play")
    await expect(visit.part("player-place")).to_have_attribute("aria-valuetext", "0 s of 4 s")
    await second.get_by_test_id("turn-play").click()
    await visit.is_now("player", "playing")
    await expect(play).to_have_accessible_name("Pause")
    await expect(second).to_have_attribute("aria-current", "true")
    await play.click()
    await visit.is_now("player", "paused")
    await visit.page.locator("[data-rate='1.5']").click()
    await visit.page.locator("h1").click()
    await visit.page.keyboard.press("]")
    fastest = visit.page.locator("[data-rate='2']")
    await expect(fastest).to_have_attribute("aria-pressed", "true")
    await visit.wait_for("document.querySelector('audio').playbackRate === 2")
    await visit.page.keyboard.press("Space")
    await visit.is_now("player", "playing")
    await visit.is_now("player", "paused")  # its end
