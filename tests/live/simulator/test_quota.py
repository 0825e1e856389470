import pytest

from live.simulator import Pace, Simulator
from live.simulator.closes import Refusal
from live.simulator.quota import DOCUMENTED, MAX_PLACES, ConnectionQuota
from tests.live.simulator.stage import VERTEX_NAME
from tests.live.simulator.wire import VERTEX_PATH, close_of, dial, send, set_up

QUICK = Pace(setup=0.01, first_update=0.01)
HERE, THERE = "projects/p/locations/us-central1", "projects/p/locations/europe-west4"


def refused(quota: ConnectionQuota, place: str, now: float) -> bool:
    try:
        quota.take(place, now)
    except Refusal:
        return True
    return False


def test_the_refusal_is_that_of_every_quota() -> None:
    quota = ConnectionQuota(1)
    quota.take(HERE, 0.0)
    with pytest.raises(Refusal) as caught:
        quota.take(HERE, 0.0)
    assert caught.value.code == 1011
    assert caught.value.reason.startswith("You exceeded your current quota")


def test_ten_a_minute_in_each_place() -> None:
    quota = ConnectionQuota(DOCUMENTED)
    found = [refused(quota, HERE, float(second)) for second in range(11)]
    assert found == [False] * 10 + [True]
    assert not refused(quota, THERE, 10.0)


def test_each_is_free_again_a_minute_later_and_a_refused_one_costs_nothing() -> None:
    quota = ConnectionQuota(2)
    assert [refused(quota, HERE, when) for when in (0.0, 30.0, 59.9)] == [False, False, True]
    assert not refused(quota, HERE, 60.0)
    assert refused(quota, HERE, 89.9)
    assert not refused(quota, HERE, 90.0)


def test_without_a_number_there_is_no_quota() -> None:
    quota = ConnectionQuota()
    assert not any(refused(quota, HERE, 0.0) for _ in range(100))


@pytest.mark.parametrize("now", [0.0, 120.0])
def test_places_are_bounded_and_forgotten(now: float) -> None:
    quota = ConnectionQuota(1)
    for number in range(MAX_PLACES + 1):
        quota.take(f"place {number}", 0.0)
    assert refused(quota, f"place {MAX_PLACES}", now) is (now < 60)
    assert not refused(quota, "place 0", now)


async def test_vertex_takes_so_many_connections_in_a_minute() -> None:
    async with (
        Simulator(pace=QUICK, vertex_connections=1) as simulator,
        dial(simulator, VERTEX_PATH) as first,
    ):
        await set_up(first, model=VERTEX_NAME)
        async with dial(simulator, VERTEX_PATH) as second:
            await send(second, {"setup": {"model": VERTEX_NAME}})
            code, reason = await close_of(second)
        elsewhere = VERTEX_NAME.replace("us-central1", "europe-west4")
        async with dial(simulator, VERTEX_PATH) as third:
            await set_up(third, model=elsewhere)
        async with dial(simulator) as developer:
            await set_up(developer)
    assert (code, reason.startswith("You exceeded your current quota")) == (1011, True)
