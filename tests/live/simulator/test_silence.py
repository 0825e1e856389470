import pytest

from live.simulator import Pace, Simulator
from live.simulator.silence import PATIENCE_S, GivenUp, Silence
from tests.live.simulator.wire import close_of, dial, send, set_up

MODEL = "models/gemini-3.8-live"
QUICK = Pace(setup=0.01, first_update=0.01, thinking=0.01, playback=0.05, speed=50)


def test_a_silent_connection_is_given_up_after_eight_minutes() -> None:
    silence = Silence(PATIENCE_S, 100.0)
    silence.check(579.9)
    with pytest.raises(GivenUp) as caught:
        silence.check(580.0)
    assert (caught.value.code, caught.value.reason) == (1011, "Internal error encountered.")


def test_whatever_is_heard_or_said_begins_it_anew() -> None:
    silence = Silence(10.0, 0.0)
    silence.broken(7.0)
    silence.broken(3.0)
    assert silence.ends == 17.0
    silence.check(16.9)


async def resumed(simulator: Simulator, handle: str) -> tuple[int, str]:
    """How a resumption is refused."""
    async with dial(simulator) as socket:
        resumption = {"handle": handle}
        await send(socket, {"setup": {"model": MODEL, "sessionResumption": resumption}})
        return await close_of(socket)


async def test_a_client_that_goes_without_a_word_frees_its_session() -> None:
    async with Simulator(pace=QUICK, resume_wait=0.0) as simulator:
        async with dial(simulator) as first:
            handle = await set_up(first)
            first.transport.abort()
        async with dial(simulator) as second:
            assert await set_up(second, sessionResumption={"handle": handle})


async def test_unless_the_server_does_not_notice_it() -> None:
    async with Simulator(pace=QUICK, resume_wait=0.0) as simulator:
        simulator.script("half-open", 2)
        async with dial(simulator) as first, dial(simulator) as polite:
            handle, other = await set_up(first), await set_up(polite)
            first.transport.abort()
        assert await resumed(simulator, handle) == (1011, "Internal error encountered.")
        async with dial(simulator) as second:
            assert await set_up(second, sessionResumption={"handle": other})


async def test_a_connection_on_which_nothing_happens_is_given_up_with_its_session() -> None:
    async with (
        Simulator(pace=QUICK, resume_wait=0.0, patience=0.3) as simulator,
        dial(simulator) as socket,
    ):
        handle = await set_up(socket)
        assert await close_of(socket) == (1011, "Internal error encountered.")
        assert await resumed(simulator, handle) == (1008, "BidiGenerateContent session not found")
