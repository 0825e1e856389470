import pytest

from live.errors import (
    Diagnosis,
    LiveError,
    ProviderError,
    QuotaError,
    error_from_close,
)
from live.session.comeback import Comeback, Tries

COMEBACK = Comeback(pauses=(0.0, 1.0, 2.0, 4.0), jitter=0.0, short_lives=2, insist=True)
LOST = error_from_close(1006, "")
INTERNAL = error_from_close(1011, "Internal error encountered.")


def quota(retry_after: float | None) -> QuotaError:
    return QuotaError(
        Diagnosis("q", "Too much.", "Wait.", permanent=False, retry_after=retry_after)
    )


def pauses_of(tries: Tries, error: LiveError, *, idle: bool = False) -> list[float]:
    """The pauses until it gives up."""
    pauses: list[float] = []
    while True:
        try:
            pauses.append(tries.next(error, 100.0, idle=idle) - 100.0)
        except LiveError as last:
            return pauses if last is error else [-1.0]


def test_who_was_in_the_middle_of_something_comes_back_at_once() -> None:
    tries = Tries(COMEBACK)
    tries.accepted(0.0)
    assert pauses_of(tries, LOST) == [0.0, 1.0, 2.0, 4.0]


def test_who_was_idle_waits_a_second() -> None:
    tries = Tries(COMEBACK)
    tries.accepted(0.0)
    assert pauses_of(tries, LOST, idle=True) == [1.0, 2.0, 4.0]


def test_the_first_connection_is_tried_again_only_by_who_insists() -> None:
    assert pauses_of(Tries(COMEBACK), LOST) == [1.0, 2.0, 4.0]
    assert pauses_of(Tries(Comeback()), LOST) == []
    assert pauses_of(Tries(None), LOST) == []


def test_pauses_are_made_longer_by_chance_but_not_the_one_of_nothing() -> None:
    tries = Tries(Comeback(pauses=(0.0, 1.0), jitter=0.5), chance=lambda: 0.5)
    tries.accepted(0.0)
    assert pauses_of(tries, LOST) == [0.0, 1.25]


def test_a_handle_is_given_up_for_refusals_and_not_for_the_network() -> None:
    tries = Tries(COMEBACK)
    tries.accepted(0.0)
    tries.next(LOST, 100.0, idle=False)
    for error, gives_up in ((LOST, False), (INTERNAL, False), (INTERNAL, True)):
        tries.next(error, 100.0, idle=False)
        assert tries.gives_up_handle is gives_up
    tries.accepted(101.0)
    assert not tries.gives_up_handle


def test_a_quota_says_itself_how_long_to_wait() -> None:
    tries = Tries(COMEBACK)
    tries.accepted(0.0)
    assert pauses_of(tries, quota(3.0)) == [3.0, 3.0, 3.0, 4.0]
    tries.accepted(200.0)
    assert pauses_of(tries, quota(60.0)) == [4.0] * 4, "nobody waits for a minute"
    tries.accepted(300.0)
    assert pauses_of(tries, quota(None)) == [0.0, 1.0, 2.0, 4.0]


def test_a_talk_that_never_began_is_not_worth_a_longer_wait() -> None:
    assert pauses_of(Tries(COMEBACK), quota(60.0)) == [1.0, 2.0, 4.0]


def test_connections_that_end_at_once_are_counted_until_one_lives() -> None:
    tries = Tries(COMEBACK)
    for begun in (0.0, 10.0, 100.0, 110.0):
        tries.accepted(begun)
        ended = begun + (1.0 if begun != 10.0 else COMEBACK.proven + 1)
        tries.next(INTERNAL, ended, idle=True)
    tries.accepted(120.0)
    with pytest.raises(ProviderError) as caught:
        tries.next(None, 121.0, idle=True)
    assert caught.value.code == "always_leaving"


def test_a_connection_is_left_before_the_service_closes_it() -> None:
    tries = Tries(COMEBACK)
    assert tries.leave_at(50.0, 540.0) == 585.0
    assert tries.leave_at(4.0, 540.0) == 542.0, "half of what is left, when that is little"
    assert Tries(None).leave_at(50.0, 540.0) == 590.0
