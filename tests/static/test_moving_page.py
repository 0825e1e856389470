"""A page whose server goes: it moves to another one, and the person notices nothing."""

from __future__ import annotations

import pytest

from conversations import protocol as p
from conversations.states import AgentState, ConversationState
from tests.static.conftest import Visit

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRESENT = """
window.seen = new Set();
const part = document.querySelector('[data-testid="connection"]');
new MutationObserver(() => seen.add(part.dataset.state)).observe(part, { attributes: true });
"""


async def test_it_moves_in_the_next_pause_and_shows_nothing_of_it(visit: Visit) -> None:
    await visit.start()
    await visit.site.event(p.AgentChanged, state=AgentState.SPEAKING)
    await visit.page.evaluate(PRESENT)
    await visit.site.send(p.encode(p.Moving(within_ms=60_000)))
    await visit.page.wait_for_timeout(500)
    assert visit.site.sent("resume") == [], "not while somebody speaks"
    old = visit.site.sockets[0]
    await visit.site.event(p.AgentChanged, state=AgentState.LISTENING)
    await visit.site.until(lambda: visit.site.sent("resume"))
    assert visit.site.sent("resume")[0]["seq"] == visit.site.seq
    await visit.site.until(lambda: old not in visit.site.sockets and visit.site.sockets)
    assert old.close_code == 1000
    await visit.type("Still here?")
    await visit.site.until(lambda: visit.site.sent("text"))
    assert await visit.page.evaluate("[...seen].filter((state) => state !== 'ready')") == []


async def test_at_the_latest_it_moves_when_the_time_is_up(visit: Visit) -> None:
    await visit.start()
    await visit.site.event(p.AgentChanged, state=AgentState.SPEAKING)
    visit.site.accepts = False
    await visit.site.send(p.encode(p.Moving(within_ms=200)))
    await visit.page.wait_for_timeout(600)
    assert len(visit.site.sockets) == 1, "nobody answers: the old connection still carries"
    visit.site.accepts = True
    await visit.site.until(lambda: visit.site.sent("resume"))
    assert visit.site.picture.state == ConversationState.LIVE
    await visit.is_now("connection", "ready")
