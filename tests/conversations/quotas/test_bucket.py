from hypothesis import given
from hypothesis import strategies as st

from conversations.quotas.bucket import TokenBucket


def test_a_burst_and_then_its_pace() -> None:
    bucket = TokenBucket(per_s=2, burst=3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take(100.25) == 0.25
    assert bucket.take(100.5) == 0
    assert [bucket.take(200.0) for _ in range(4)] == [0, 0, 0, 0.5]  # never more than a burst


def test_what_is_heavy_takes_more() -> None:
    bucket = TokenBucket(per_s=2, burst=10, now=0.0)
    assert bucket.take(0.0, 9) == 0
    assert bucket.take(0.0, 3) == 1.0
    assert bucket.take(0.0) == 0, "what was too heavy took nothing"
    assert bucket.take(1.5, 3) == 0


def test_other_limits_do_not_give_back_what_was_taken() -> None:
    bucket = TokenBucket(per_s=1, burst=10, now=0.0)
    for _ in range(10):
        bucket.take(0.0)
    bucket.change(per_s=1, burst=2, now=0.0)
    assert bucket.take(0.0) > 0
    bucket.change(per_s=1, burst=5, now=0.0)
    assert [bucket.take(0.0) == 0 for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(-1, 3), max_size=60), st.floats(0.1, 5), st.integers(1, 9))
def test_never_more_than_burst_and_pace(steps: list[float], per_s: float, burst: int) -> None:
    """Whatever the clock does, it may also step back."""
    bucket, now, newest, taken = TokenBucket(per_s=per_s, burst=burst, now=0.0), 0.0, 0.0, 0
    for step in steps:
        now += step
        newest = max(newest, now)
        wait = bucket.take(now)
        taken += wait == 0
        assert 0 <= wait <= 1 / per_s + 1e-9
        assert taken <= burst + newest * per_s + 1e-6
