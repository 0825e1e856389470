"""What a host tells the store of its use: beside the words, and in silence."""

from __future__ import annotations

import live
from conversations.states import TokenKind
from tests.conversations.worker.silent import ACCOUNT
from tests.conversations.worker.test_host import EPOCH, batch_of, store, studio_of


async def test_what_the_upstream_bills_goes_with_the_batch() -> None:
    async with studio_of() as studio:
        spoken = live.Usage(prompt_tokens=9, prompt_details={"AUDIO": 9})
        studio.host.hear([live.Connected()])
        studio.now += 4
        studio.host.hear([spoken])
        first = batch_of(studio.host)
        assert [(each.talked_ms, each.tokens) for each in first.usage] == [
            (4000, {TokenKind.AUDIO_IN: 9})
        ]
        assert (first.usage[0].epoch, first.usage[0].account) == (EPOCH, ACCOUNT)
        studio.host.not_stored()
        studio.now += 1
        studio.host.hear([live.Disconnected(live.GO_AWAY)])
        studio.now += 60
        again = batch_of(studio.host).usage
        assert again[:1] == first.usage
        assert [each.talked_ms for each in again] == [4000, 1000], "the gap is not talked"


async def test_time_is_told_though_nothing_is_said() -> None:
    async with studio_of() as studio:
        studio.host.hear([live.Connected()])
        store(studio.host)
        assert studio.host.take_batch() is None
        studio.now += 20
        batch = batch_of(studio.host)
        assert [each.talked_ms for each in batch.usage] == [20_000]
        assert not batch.state_changed


async def test_leaving_the_upstream_ends_the_time() -> None:
    async with studio_of() as studio:
        studio.host.hear([live.Connected()])
        studio.now += 3
        await studio.host.leave_upstream()
        studio.now += 60
        assert [each.talked_ms for each in batch_of(studio.host).usage] == [3000]
