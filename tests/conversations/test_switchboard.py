"""A process's way to every host: it starts once, tells pages to move, and is closed for good."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from conversations.attachment import Closed, Switchboard
from tests.conversations.test_attachment import within


async def test_a_switchboard_starts_once() -> None:
    switchboard = Switchboard(b"s" * 32)
    first, second = await asyncio.gather(switchboard.start(), switchboard.start())
    assert first is second
    assert await switchboard.start() is first
    await switchboard.aclose()


async def test_a_closed_switchboard_attaches_nobody() -> None:
    switchboard = Switchboard(b"s" * 32)
    await switchboard.start()
    await switchboard.aclose()
    with pytest.raises(Closed):
        await switchboard.attach(uuid.uuid4(), epoch=0, seq=0)


async def test_pages_learn_that_they_have_to_move_and_by_when() -> None:
    switchboard = Switchboard(b"s" * 32)
    asking = asyncio.create_task(switchboard.moving())
    await asyncio.sleep(0)
    assert not asking.done()
    switchboard.move(30.0)
    assert 0 < (await within(asking)).within_ms <= 30_000
    assert (await switchboard.moving()).within_ms <= 30_000


async def test_a_switchboard_that_never_started_can_be_closed() -> None:
    switchboard = Switchboard(b"s" * 32)
    await switchboard.aclose()
    assert switchboard.bus is None
