import pytest

from conversations.link.deadlines import Deadlines, Due, Limits

LIMITS = Limits(handshake=3.0, ping=5.0, dead=15.0, unused=60.0)


def established(now: float = 0.0) -> Deadlines:
    deadlines = Deadlines(LIMITS, now)
    deadlines.established(now)
    return deadlines


@pytest.mark.parametrize(("now", "due"), [(2.9, None), (3.0, Due.HANDSHAKE_TIMEOUT)])
def test_the_handshake(now: float, due: Due | None) -> None:
    deadlines = Deadlines(LIMITS, 0.0)
    assert deadlines.next == 3.0
    assert deadlines.check(now, in_use=True) is due


def test_ask_first_and_give_up_later() -> None:
    deadlines = established()
    assert deadlines.next == 5.0
    assert deadlines.check(4.9, in_use=True) is None
    assert deadlines.check(5.0, in_use=True) is Due.PING
    assert deadlines.next == 15.0
    assert deadlines.check(14.9, in_use=True) is None
    assert deadlines.check(15.0, in_use=True) is Due.PEER_SILENT


def test_any_byte_is_a_sign_of_life() -> None:
    deadlines = established()
    deadlines.check(5.0, in_use=True)
    deadlines.heard(6.0)
    assert deadlines.next == 11.0
    assert deadlines.check(11.0, in_use=True) is Due.PING


def test_a_pause_of_our_own_asks_before_it_gives_up() -> None:
    deadlines = established()
    assert deadlines.check(100.0, in_use=True) is Due.PING
    assert deadlines.next == 110.0


def test_a_minute_without_streams() -> None:
    deadlines = established()
    assert deadlines.check(1.0, in_use=False) is None
    deadlines.heard(59.0)
    assert deadlines.next == 61.0
    assert deadlines.check(60.9, in_use=False) is None
    assert deadlines.check(61.0, in_use=False) is Due.UNUSED


def test_use_starts_the_minute_anew() -> None:
    deadlines = established()
    deadlines.check(1.0, in_use=False)
    deadlines.used()
    deadlines.heard(60.0)
    assert deadlines.check(61.0, in_use=False) is None
    assert deadlines.check(62.0, in_use=True) is None
    deadlines.heard(122.0)
    assert deadlines.check(122.0, in_use=False) is None
