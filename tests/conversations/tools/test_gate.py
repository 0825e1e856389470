import asyncio

import pytest

from conversations.tools.gate import IN_CONVERSATION, IN_PROCESS, MOST_IN_CONVERSATION, Gate
from conversations.tools.outcomes import CallFailed


class Crowd:
    """Calls that stay inside until they are let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.leave = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, gate: Gate, count: int) -> None:
        self.tasks += [asyncio.create_task(self._go(gate)) for _ in range(count)]

    async def _go(self, gate: Gate) -> None:
        async with gate.entered():
            self.inside += 1
            await self.leave.wait()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_a_conversation_has_so_many_places_and_so_many_may_wait() -> None:
    crowd, gate = Crowd(), Gate()
    crowd.send(gate, MOST_IN_CONVERSATION)
    await crowd.settle()
    assert crowd.inside == IN_CONVERSATION
    with pytest.raises(CallFailed) as caught:
        async with gate.entered():
            pass
    assert caught.value.code == "too_many_calls"
    crowd.tasks[-1].cancel()  # one that waits
    await crowd.settle()
    crowd.send(gate, 1)
    crowd.leave.set()
    await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert crowd.inside == MOST_IN_CONVERSATION
    async with gate.entered():
        assert crowd.inside == MOST_IN_CONVERSATION


async def test_a_process_has_so_many_places_whatever_the_conversations_want() -> None:
    crowd = Crowd()
    for _ in range(IN_PROCESS // IN_CONVERSATION + 1):
        crowd.send(Gate(), IN_CONVERSATION)
    await crowd.settle()
    assert crowd.inside == IN_PROCESS
    crowd.leave.set()
    await asyncio.gather(*crowd.tasks)
    assert crowd.inside == len(crowd.tasks)
