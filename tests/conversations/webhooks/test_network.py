import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from conversations.webhooks.network import Network


def test_work_is_done_on_another_thread_side_by_side() -> None:
    async def meet(mine: asyncio.Event, other: asyncio.Event) -> str:
        mine.set()
        await other.wait()
        return threading.current_thread().name

    with Network() as network:
        one, two = asyncio.Event(), asyncio.Event()
        first, second = network.begin(meet(one, two)), network.begin(meet(two, one))
        assert first.result(5) == second.result(5) == "webhooks"


def test_what_has_not_ended_is_cancelled() -> None:
    with Network() as network:
        endless = network.begin(asyncio.Event().wait())
    with pytest.raises(CancelledError):
        endless.result(5)
    assert "webhooks" not in {thread.name for thread in threading.enumerate()}
