from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from conversations.webhooks.schedule import JITTER, LONGEST_ASKED, MOST_TRIES, PAUSES, retry_at

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)


def test_ten_tries_over_three_days() -> None:
    assert MOST_TRIES == 10
    assert 3 * DAY < sum(PAUSES, timedelta()) < 4 * DAY
    assert retry_at(1, NOW, 0) == NOW + timedelta(seconds=5)
    assert retry_at(MOST_TRIES - 1, NOW, 0) == NOW + timedelta(hours=24)
    assert retry_at(MOST_TRIES, NOW, 0) is None
    assert retry_at(MOST_TRIES + 5, NOW, 0, 60) is None


@given(st.integers(1, MOST_TRIES - 1), st.floats(0, 1), st.floats(0, 10**9))
def test_a_pause_is_never_shorter_and_never_endless(
    tries: int, chance: float, asked: float
) -> None:
    at = retry_at(tries, NOW, chance, asked)
    assert at is not None
    assert at - NOW >= max(PAUSES[tries - 1], min(timedelta(seconds=asked), LONGEST_ASKED))
    assert at - NOW <= max(PAUSES[tries - 1] * (1 + JITTER), LONGEST_ASKED)


def test_what_failed_together_does_not_come_back_together() -> None:
    found = {retry_at(3, NOW, chance / 10) for chance in range(10)}
    assert len(found) == 10
