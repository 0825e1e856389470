import asyncio
import time

import pytest
from websockets.exceptions import ConnectionClosed

from live.simulator import Pace, Script, Simulator
from live.simulator.scenario import SlowPong, Step
from tests.live.simulator.wire import dial, receive_until, send, set_up

QUICK = Pace(setup=0.01, first_update=0.01, thinking=0.01, playback=0.05, speed=50)


def slow(seconds: float) -> Script:
    return Script(steps=(Step(do=SlowPong(seconds=seconds), at="setup"),))


async def test_pongs_come_late() -> None:
    async with Simulator(pace=QUICK, scenario=slow(0.3)) as simulator, dial(simulator) as socket:
        await set_up(socket)
        begun = time.monotonic()
        await (await socket.ping())
        assert time.monotonic() - begun >= 0.29


async def test_the_talk_goes_on_and_a_pong_that_is_still_to_come_dies_with_it() -> None:
    async with Simulator(pace=QUICK, scenario=slow(60)) as simulator:
        async with dial(simulator) as socket:
            await set_up(socket)
            pong = asyncio.ensure_future(await socket.ping())
            await send(socket, {"realtimeInput": {"text": "Say yes."}})
            await receive_until(socket, "turnComplete")
            assert not pong.done()
        with pytest.raises(ConnectionClosed):
            await pong


async def test_a_pong_that_is_due_after_the_end_is_not_sent() -> None:
    async with Simulator(pace=QUICK, scenario=slow(0.02)) as simulator:
        async with dial(simulator) as socket:
            await set_up(socket)
            await socket.ping()
        async with dial(simulator) as socket:
            await set_up(socket)
            assert await (await socket.ping()) >= 0.019


async def test_only_the_scripted_connection_is_slow() -> None:
    async with Simulator(pace=QUICK) as simulator, dial(simulator) as socket:
        simulator.script(slow(60), 2)
        await set_up(socket)
        simulator.script("conversation")
        async with dial(simulator) as other, dial(simulator) as third:
            await set_up(other)
            await set_up(third)
            assert await (await third.ping()) < 60
