from hypothesis import given
from hypothesis import strategies as st

from accounts.limits import Limits

NAMES = list(Limits.__dataclass_fields__)
LIMITS = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**12)).map(
    lambda values: Limits(**values)
)


@given(LIMITS)
def test_what_is_stored_is_read_again(limits: Limits) -> None:
    assert Limits.from_json(limits.to_json()) == limits
    assert None not in limits.to_json().values()


def test_names_of_another_release_are_left_out() -> None:
    assert Limits.from_json({"sessions": 2, "of_tomorrow": 3}) == Limits(sessions=2)


@given(LIMITS, LIMITS)
def test_the_smaller_one_counts(own: Limits, plan: Limits) -> None:
    both = own.narrowed_by(plan)
    assert both == plan.narrowed_by(own)
    for name in NAMES:
        given_ones = [
            each for each in (getattr(own, name), getattr(plan, name)) if each is not None
        ]
        assert getattr(both, name) == (min(given_ones) if given_ones else None)


def test_an_exception_goes_before_the_default() -> None:
    default = Limits(sessions=2, day_minutes=60)
    assert Limits(sessions=5).over(default) == Limits(sessions=5, day_minutes=60)
    assert Limits(day_minutes=0).over(default) == Limits(sessions=2, day_minutes=0)
