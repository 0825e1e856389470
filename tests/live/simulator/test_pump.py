import asyncio
import json

from websockets.asyncio.client import ClientConnection

from live.simulator import Pace, Simulator
from tests.live.simulator.stage import audio_message
from tests.live.simulator.wire import close_of, dial, receive_until, send, set_up

QUICK = Pace(setup=0.01, first_update=0.01, thinking=0.01)
SETUP = {"setup": {"model": "models/gemini-3.8-live"}}
MOST_FRAMES = 2000
PATIENCE_S = 0.5


async def test_early_messages_wait_for_setup_complete() -> None:
    pace = Pace(setup=0.2, thinking=0.0)
    async with Simulator(pace=pace) as simulator, dial(simulator) as socket:
        await send(socket, SETUP)
        await send(socket, {"realtimeInput": {"text": "Count to two."}})
        assert "setupComplete" in json.loads(await socket.recv())
        assert await receive_until(socket, "audio")


async def frames_until_blocked(socket: ClientConnection, frame: str) -> int:
    """Send until sending waits; return how many frames went."""
    for sent in range(MOST_FRAMES):
        try:
            async with asyncio.timeout(PATIENCE_S):
                await socket.send(frame)
        except TimeoutError:
            return sent
    return MOST_FRAMES


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    """Nothing piles up in the server: the client's own `send` begins to wait."""
    async with (
        Simulator(scenario="echo", pace=QUICK) as simulator,
        dial(simulator, max_queue=1) as stalled,
        dial(simulator) as other,
    ):
        await set_up(stalled)
        await set_up(other)
        frame = json.dumps(audio_message(bytes(32000)))
        assert await frames_until_blocked(stalled, frame) < MOST_FRAMES
        await send(other, audio_message(bytes(320)))
        assert await receive_until(other, "audio")
        stalled.transport.abort()


async def test_time_goes_on_without_any_message() -> None:
    pace = Pace(setup=0.0, go_away=0.05, time_left=0.0)
    async with Simulator(pace=pace) as simulator, dial(simulator) as socket:
        await send(socket, SETUP)
        assert await receive_until(socket, "goAway")
        code, reason = await close_of(socket)
    assert code == 1008
    assert reason.startswith("Connection aborted")
