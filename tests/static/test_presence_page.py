"""Whose conversation it is, and the line of those that wait, as the page shows them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from conversations import protocol as p
from tests.static.conftest import Visit
from tests.static.stand_in import PAGE, WATCH_PAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = p.Presence(role="owner", owned=True)
OBSERVER = p.Presence(role="observer", owned=True)
ELSEWHERE = p.Error(
    code="opened-elsewhere", message="It was opened elsewhere.", fix="Take it.", fatal=True
)


async def test_a_second_tab_reads_along_until_it_takes_over(visit: Visit) -> None:
    visit.site.presence = OBSERVER
    await visit.open(PAGE)
    await visit.site.until(lambda: visit.site.sockets)
    await visit.site.go_live()
    await visit.is_now("connection", "ready")
    banner = visit.part("elsewhere")
    await expect(banner).to_contain_text("open in another tab")
    for name in ("composer", "mic-toggle", "end", "camera-toggle"):
        await expect(visit.part(name)).to_be_hidden()
    await visit.site.user_says("Two pairs, please")
    assert await visit.texts() == ["Two pairs, please"]
    await visit.site.send(p.encode(p.Presence(role="observer", owned=False)))
    await expect(banner).to_contain_text("is gone now")
    visit.site.presence = OWNER
    await visit.part("continue-here").click()
    await expect(visit.part("composer")).to_be_visible()
    await expect(banner).to_be_hidden()
    joined, taken = visit.site.sent("resume")
    assert (joined["mode"], taken["mode"]) == ("join", "take")
    assert joined["page"] == taken["page"]
    await visit.type("It is mine now")
    await visit.site.until(lambda: visit.site.sent("text"))


async def test_who_lost_it_says_so_and_does_not_fight(visit: Visit) -> None:
    await visit.start()
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "on")
    await visit.site.close(p.Close.OPENED_ELSEWHERE, ELSEWHERE)
    await expect(visit.part("problem")).to_have_attribute("data-code", "opened-elsewhere")
    await visit.is_now("connection", "failed")
    await visit.is_now("mic", "off")
    assert visit.site.sent("resume") == []
    await visit.part("problem-action").click()
    await visit.is_now("connection", "ready")
    (taken,) = visit.site.sent("resume")
    assert taken["mode"] == "take"
    assert taken["page"] == visit.site.sent("start")[0]["page"]
    visit.site.presence = OWNER
    visit.site.cut()
    await visit.site.until(lambda: len(visit.site.sent("resume")) == 2)
    visit.site.presence = OBSERVER
    visit.site.cut()
    await visit.site.until(lambda: len(visit.site.sent("resume")) == 3)
    await expect(visit.part("elsewhere")).to_be_visible()
    modes = [message["mode"] for message in visit.site.sent("resume")[1:]]
    assert modes[-1] == "join", "a page that comes back takes nothing from another one"


async def test_a_reload_is_the_same_page_and_a_copy_is_not(visit: Visit) -> None:
    await visit.open(PAGE)
    await visit.site.until(lambda: len(visit.site.sent("resume")) == 1)
    # What a copied tab finds: the storage of this one, while this one is in use.
    kept = await visit.page.evaluate("JSON.stringify(sessionStorage)")
    name = visit.site.sent("resume")[0]["page"]
    assert name not in kept
    await visit.page.reload()
    await visit.site.until(lambda: len(visit.site.sent("resume")) == 2)
    assert visit.site.sent("resume")[1]["page"] == name


async def test_staff_watch_and_can_say_nothing(visit: Visit) -> None:
    visit.site.presence = OBSERVER
    await visit.open(WATCH_PAGE)
    await visit.site.until(lambda: visit.site.sockets)
    assert visit.site.sent("resume")[0]["mode"] == "observe"
    await visit.site.go_live()
    await visit.is_now("connection", "ready")
    await expect(visit.part("connection")).to_have_text("Live")
    await expect(visit.part("watching")).to_contain_text("noted in the audit")
    for name in ("composer", "mic-toggle", "end", "elsewhere"):
        await expect(visit.part(name)).to_be_hidden()
    await expect(visit.page).to_have_url(visit.site.url + WATCH_PAGE)
    await visit.site.user_says("Two pairs, please")
    await expect(visit.part("turn")).to_contain_text("Ada Byron")
    await visit.site.send(p.encode(p.Waiting(reason="nobody-there")))
    await expect(visit.part("connection")).to_have_text("Paused")
    await expect(visit.part("watching")).to_contain_text("The person is away")


async def test_the_line_moves_and_the_conversation_begins_by_itself(visit: Visit) -> None:
    visit.site.waiting = p.Waiting(reason="capacity-full", place=3)
    await visit.open()
    await visit.part("start-typing").click()
    line = visit.part("line")
    await expect(line).to_contain_text("You are number 3 in line")
    await visit.site.send(p.encode(p.Waiting(reason="capacity-full", place=1)))
    await expect(line).to_contain_text("You are next in line")
    await visit.type("Hello")
    assert visit.site.sent("text") == []
    snapshot = p.Snapshot(epoch=1, seq=0, state=visit.site.picture)
    for message in (OWNER, snapshot):
        await visit.site.send(p.encode(message))
    await visit.site.go_live()
    await visit.is_now("connection", "ready")
    await expect(line).to_be_hidden()
    await visit.site.until(lambda: visit.site.sent("text"))


async def test_who_waits_can_leave_the_line(visit: Visit) -> None:
    visit.site.waiting = p.Waiting(reason="capacity-full", place=2)
    await visit.open()
    await visit.part("start-typing").click()
    await visit.part("leave-line").click()
    await visit.site.until(lambda: visit.site.sent("end"))
