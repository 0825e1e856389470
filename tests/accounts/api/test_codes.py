"""Each way of being barred has its code, and says what to do."""

from accounts.api.codes import ADMITTANCE_CODES
from accounts.callers import AccessBarred

# Of classes that stand in `conversations`, which these tests do not load.
FURTHER_UP = {"origin-not-allowed"}


def barred() -> set[str]:
    return {each.code for each in AccessBarred.__subclasses__()} | FURTHER_UP


def test_whoever_is_barred_is_told_a_code_of_the_table() -> None:
    assert set(ADMITTANCE_CODES) == barred() | {"invalid-api-key"}


def test_codes_say_what_they_mean_and_what_to_do() -> None:
    for row in ADMITTANCE_CODES.values():
        assert row.status in {401, 403}
        assert row.meaning.endswith(".")
        assert row.fix.endswith(".")
        assert not row.title.endswith(".")
