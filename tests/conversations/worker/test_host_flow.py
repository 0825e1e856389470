"""A host whose model takes nothing: what it holds, what it drops, whom it tells."""

from conversations import protocol as p
from conversations.states import Speaker
from live.outbox import AUDIO_BYTES
from tests.conversations.page import Page
from tests.conversations.worker.test_host import Studio, studio, typed

__all__ = ["studio"]

SECOND = p.INPUT_RATE_HZ * 2  # bytes of the user's voice
SECONDS = 20
HELD_MS = AUDIO_BYTES * 3 // 4 // (SECOND // 1000)  # base64 makes four bytes of three


def voice(number: int) -> bytes:
    return p.HEADER.pack(p.AUDIO, 0, 160, number) + bytes(SECOND)


def lost_ms(page: Page) -> int:
    gaps = [message for message in page.messages if isinstance(message, p.Gap)]
    assert all(gap.speaker == "user" for gap in gaps)
    return sum(gap.ms for gap in gaps)


async def test_who_speaks_is_told_what_the_model_never_heard(studio: Studio) -> None:
    page, stream = await studio.page()
    watching, _ = await studio.page("observe")
    for number in range(SECONDS):
        await stream.send(voice(number))
    await stream.send(typed("r1", "Can you hear me?"))
    await page.until(lambda: page.said(Speaker.USER))  # and so all the voice was taken before
    assert lost_ms(page) > 0
    # The rest of it is told when a second has passed, though nobody says any more.
    studio.now += 1.0
    studio.host.mind_limits()
    await page.until(lambda: lost_ms(page) >= SECONDS * 1000 - HELD_MS)
    assert lost_ms(page) <= SECONDS * 1000 - HELD_MS + 1000
    assert lost_ms(watching) == 0


async def test_pictures_without_a_model_cost_nothing_and_nobody_is_scolded(studio: Studio) -> None:
    page, stream = await studio.page()
    watching, looks_on = await studio.page("observe")
    for number in range(5):
        await stream.send(p.picture_frame(number, b"a picture"))
        await looks_on.send(p.picture_frame(number, b"a picture"))
    await stream.send(voice(0))
    await looks_on.send(p.encode(p.Stay()))
    await watching.until(lambda: [m for m in watching.messages if isinstance(m, p.Error)])
    assert not [m for m in page.messages if isinstance(m, p.Error)]
    assert [m.code for m in watching.messages if isinstance(m, p.Error)] == ["read-only"]
