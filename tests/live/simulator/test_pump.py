import asyncio
import base64
import json
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from live.simulator import Pace, Script, Simulator
from live.simulator.echo import Echo
from live.simulator.front import HttpRequest, HttpResponse, answering
from live.simulator.pump import Pump
from live.simulator.scenario import Stall, Step
from live.simulator.server import MAX_MESSAGE
from live.simulator.sessions import Session, Sessions
from tests.live.simulator.stage import AUDIO_SETUP, audio_message, setup_of
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


async def test_answers_are_in_the_order_of_messages_of_every_kind() -> None:
    """Whole texts are taken as they arrive, binary and split ones are read: none overtakes."""
    async with Simulator(scenario="echo", pace=QUICK) as simulator, dial(simulator) as socket:
        await set_up(socket)
        for number in range(30):
            frame = json.dumps(audio_message(bytes([number]) * 320))
            await socket.send(frame.encode() if number % 3 == 1 else frame)
            if number % 3 == 2:
                await socket.send([frame[:200], frame[200:]])
        answers = [await receive_until(socket, "audio") for _ in range(40)]
    found = [first_byte(messages[-1]) for messages in answers]
    assert found == sorted(found)
    assert set(found) == set(range(30))


def first_byte(message: dict[str, Any]) -> int:
    data = message["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"]
    return base64.b64decode(data)[0]


async def test_a_message_taken_as_it_arrives_can_be_refused() -> None:
    async with Simulator(scenario="echo", pace=QUICK) as simulator, dial(simulator) as socket:
        await set_up(socket)
        await send(socket, audio_message(bytes(320)))
        await send(socket, {"nonsense": "x" * 200})
        await send(socket, audio_message(bytes(320)))
        assert await receive_until(socket, "audio")
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1007
    assert 'Unknown name "nonsense"' in caught.value.rcvd.reason


async def test_time_goes_on_without_any_message() -> None:
    pace = Pace(setup=0.0, go_away=0.05, time_left=0.0)
    async with Simulator(pace=pace) as simulator, dial(simulator) as socket:
        await send(socket, SETUP)
        assert await receive_until(socket, "goAway")
        code, reason = await close_of(socket)
    assert code == 1008
    assert reason.startswith("Connection aborted")


async def test_a_stalled_server_reads_nothing_and_then_everything() -> None:
    async with Simulator(pace=QUICK) as simulator:
        # From before setupComplete goes out: what the client sends after that finds it stalled.
        simulator.script(Script(steps=(Step(do=Stall(seconds=0.4), at="setup"),)))
        begun = time.monotonic()
        async with dial(simulator) as socket:
            await set_up(socket)
            await (await socket.ping())
            assert time.monotonic() - begun >= 0.4
            await send(socket, {"realtimeInput": {"text": "Say yes."}})
            assert await receive_until(socket, "turnComplete")


async def test_a_drop_is_no_close() -> None:
    async with Simulator(pace=QUICK) as simulator:
        simulator.script("drop")
        async with dial(simulator) as socket:
            await set_up(socket)
            await send(socket, {"realtimeInput": {"text": "Tell me a long story."}})
            assert await close_of(socket) == (1006, "")
        async with dial(simulator) as socket:
            await set_up(socket)


async def test_a_message_of_more_than_four_mebibytes_is_too_big() -> None:
    async with Simulator(pace=QUICK) as simulator, dial(simulator) as socket:
        await set_up(socket)
        # The head of a masked binary frame (RFC 6455, 5.2): its length alone is refused.
        size = (MAX_MESSAGE + 1).to_bytes(8, "big")
        socket.transport.write(b"\x82\xff" + size + bytes(4))
        code, _reason = await close_of(socket)
    assert code == 1009


async def test_a_ping_is_a_sign_of_life() -> None:
    ends: list[float] = []
    heard = asyncio.Event()

    async def listen(connection: ServerConnection) -> None:
        setup, sessions = setup_of(AUDIO_SETUP), Sessions()
        pump = Pump(connection, Echo(setup, QUICK, Session(), sessions))
        silence = pump._silence  # noqa: SLF001 - eight minutes are too long to wait for
        ends.append(silence.ends)
        await heard.wait()
        pump._listen()  # noqa: SLF001
        ends.append(silence.ends)

    async with serve(listen, "127.0.0.1", 0, create_connection=answering(no_answer)) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/") as socket:
            await (await socket.ping())
            heard.set()
            await socket.wait_closed()
    before, after = ends
    assert after > before


async def no_answer(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(404, b"{}")
