from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from accounts.leaving.models import Departure
from accounts.leaving.report import Line, lines_of, post_report

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_lines_are_sorted() -> None:
    departure = Departure(counts={"b": 2, "a": 1})
    assert lines_of(departure) == [Line("a", 1), Line("b", 2)]


@pytest.mark.django_db
def test_without_a_mail_server_the_addresses_are_forgotten_too(settings: Settings) -> None:
    settings.EMAIL_URL = ""
    departure = Departure.objects.create(
        tenant_id=uuid4(), name="Acme", asked_at=NOW, erase_after=NOW, report_to=["a@b.example"]
    )
    assert post_report(departure) == 0
    departure.refresh_from_db()
    assert (departure.report_to, departure.is_reported) == ([], True)
