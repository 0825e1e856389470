from datetime import UTC, datetime

from django.utils.formats import localize


def test_a_time_says_its_zone() -> None:
    assert localize(datetime(2026, 3, 1, 9, 5, tzinfo=UTC)) == "1 Mar 2026, 09:05 UTC"


def test_a_date_needs_none() -> None:
    assert localize(datetime(2026, 3, 1, tzinfo=UTC).date()) == "1 Mar 2026"
