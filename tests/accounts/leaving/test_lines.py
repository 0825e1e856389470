import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from accounts.leaving.lines import as_lines, pages_of
from accounts.models import Membership
from accounts.tenancy import tenant_scope
from tests.cast import Cast


def test_values_as_json() -> None:
    row = {
        "id": UUID(int=7),
        "at": datetime(2026, 11, 23, 3, tzinfo=timezone(timedelta(hours=1))),
        "text": "Ça \ud800 va",
        "data": {"é": [1, None]},
    }
    [line] = as_lines([row]).decode().splitlines()
    assert json.loads(line) == {
        "id": "00000000-0000-0000-0000-000000000007",
        "at": datetime(2026, 11, 23, 2, tzinfo=UTC).isoformat(timespec="microseconds"),
        "text": "Ça \ud800 va",
        "data": {"é": [1, None]},
    }
    assert as_lines([]) == b""


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "sizes"), [(2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_pages_are_of_the_tenant_and_bounded(cast: Cast, page: int, sizes: list[int]) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        pages = list(pages_of(Membership, ("id", "tenant_id"), page))
    assert [len(rows) for rows in pages] == sizes
    rows = [row for rows in pages for row in rows]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert {row["tenant_id"] for row in rows} == {cast.acme.tenant.pk}
