import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit import SYSTEM, export, record
from accounts.audit.export import COLUMNS, Format, Period
from accounts.audit.models import AuditEntry
from accounts.audit.place import Place, at_place
from accounts.audit.sealing import seal_chain
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast

ALWAYS = Period()


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="chained", name="Chained")


def written(tenant: Tenant | None, period: Period, form: Format) -> str:
    out = io.StringIO()
    count = export.export(tenant.pk if tenant else None, period, form, out)
    lines = out.getvalue().count("\n")
    assert lines == count + (form is Format.CSV)
    return out.getvalue()


def actions(tenant: Tenant | None, period: Period = ALWAYS) -> list[str]:
    text = written(tenant, period, Format.JSONL)
    return [json.loads(line)["action"] for line in text.splitlines()]


def test_json_lines_hold_every_field(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk), at_place(Place("192.0.2.1", "Firefox", "r1")):
        entry = record("tenant.changed", tenant, actor=SYSTEM, before={"a": 1}, after={"a": "é"})
    seal_chain(tenant.pk, timezone.now())
    row = json.loads(written(tenant, ALWAYS, Format.JSONL))
    assert set(row) == set(COLUMNS)
    assert row == {
        "id": str(entry.pk),
        "tenant_id": str(tenant.pk),
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor": "system",
        "action": "tenant.changed",
        "object_type": "accounts.tenant",
        "object_id": str(tenant.pk),
        "reason": "",
        "before": {"a": 1},
        "after": {"a": "é"},
        "ip": "192.0.2.1",
        "user_agent": "Firefox",
        "request_id": "r1",
        "seal_number": 1,
    }


def test_csv_holds_the_same(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        entry = record("probe.made", actor=SYSTEM, after={"words": 'say "a, b"\nc'})
    (row,) = csv.DictReader(io.StringIO(written_csv(tenant)))
    assert tuple(row) == COLUMNS
    assert row["id"] == str(entry.pk)
    assert json.loads(row["after"]) == {"words": 'say "a, b"\nc'}
    assert (row["before"], row["ip"], row["seal_number"]) == ("", "", "")


def written_csv(tenant: Tenant) -> str:
    return written(tenant, ALWAYS, Format.CSV)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(tenant: Tenant, begin: str) -> None:
    with tenant_scope(tenant.pk), at_place(Place(user_agent=f"{begin}HYPERLINK()")):
        record("probe.made", actor=SYSTEM)
    (row,) = csv.DictReader(io.StringIO(written_csv(tenant)))
    assert row["user_agent"] == f"'{begin}HYPERLINK()"


def test_a_period(tenant: Tenant) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    with tenant_scope(tenant.pk):
        for hours in (-1, 0, 1):
            at = noon + timedelta(hours=hours)
            AuditEntry.objects.create(actor=SYSTEM, action=f"at{hours}", at=at)
    assert actions(tenant, Period(since=noon)) == ["at0", "at1"]
    assert actions(tenant, Period(until=noon)) == ["at-1"]
    assert actions(tenant, Period(noon, noon + timedelta(hours=1))) == ["at0"]
    assert actions(tenant, Period(since=noon + timedelta(days=1))) == []


def test_nothing_of_another_tenant(cast: Cast, tenant: Tenant) -> None:
    with platform_scope("test"):
        record("probe.platform", actor=SYSTEM)
        record("probe.tenant", tenant, actor=SYSTEM)
    assert actions(tenant) == ["probe.tenant"]
    assert actions(None) == ["probe.platform"]
    text = written(cast.acme.tenant, ALWAYS, Format.JSONL)
    assert str(cast.globex.tenant.pk) not in text
    assert str(cast.acme.tenant.pk) in text


def test_entries_are_read_page_by_page(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat: no statement reads more than a page."""
    monkeypatch.setattr(export, "PAGE", 2)
    with tenant_scope(tenant.pk):
        for number in range(5):
            record(f"probe.{number}", actor=SYSTEM)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert actions(tenant) == [f"probe.{number}" for number in range(5)]
    reads = [each["sql"] for each in queries if "accounts_auditentry" in each["sql"]]
    assert len(reads) == 3
    assert all("LIMIT 2" in each for each in reads)
