from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.api_keys import create_api_key
from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from conversations.exports.schedules import MOST_SCHEDULES, ask_for_due_exports
from conversations.models import Export, ExportSchedule
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in, with_key

pytestmark = pytest.mark.django_db
LIST = "/api/v1/export-schedules/"
DAY = timedelta(days=1)


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def make(client: Client, **body: Any) -> Any:
    asked = {"name": "Nightly", "formats": ["jsonl"], **body}
    return client.post(LIST, asked, content_type="application/json")


def change(client: Client, address: str, **body: Any) -> Any:
    return client.patch(address, body, content_type="application/json")


def test_from_making_to_its_exports_and_away(cast: Cast, acme: Client) -> None:
    agent = make_agent(cast.acme.tenant)
    wanted = {"agent": str(agent.pk), "tag": "shoes", "text": "size", "is_test": False}
    answer = make(acme, formats=["csv", "jsonl", "csv"], filter=wanted, redacted=True)
    row = answer.json()
    assert answer.status_code == 201, row
    assert answer["Location"].endswith(f"{LIST}{row['id']}/")
    usual = {"is_on": True, "every": "day", "hour": 2, "keep_days": 30, "redacted": True}
    assert usual.items() <= row.items()
    assert (row["formats"], row["filter"]) == (["csv", "jsonl"], wanted)
    assert row["asked_by"].startswith("key:")
    assert acme.get(LIST).json()["results"] == [row] == [acme.get(f"{LIST}{row['id']}/").json()]
    assert ask_for_due_exports(timezone.now() + DAY) == 2
    [first, _] = acme.get("/api/v1/exports/").json()["results"]
    assert first["schedule"] == row["id"]
    assert wanted.items() <= first["filter"].items()
    assert acme.delete(f"{LIST}{row['id']}/").status_code == 204
    assert acme.get(f"{LIST}{row['id']}/").status_code == 404
    with tenant_scope(cast.acme.tenant.pk):
        assert list(Export.objects.values_list("schedule", flat=True)) == [None, None]
        acts = AuditEntry.objects.filter(object_id=row["id"]).order_by("id")
        told = [(act.action, act.after) for act in acts]
    assert [action for action, _ in told] == ["exportschedule.created", "exportschedule.deleted"]
    created = told[0][1]
    assert created is not None
    assert "text" not in created["wanted"]


def test_what_is_changed_and_what_stays(cast: Cast, acme: Client) -> None:
    row = make(acme, filter={"tag": "shoes"}).json()
    address = f"{LIST}{row['id']}/"
    with tenant_scope(cast.acme.tenant.pk):
        past = timezone.now() - 3 * DAY
        ExportSchedule.objects.update(next_at=past)
    stale = {"If-Match": '"other"', "content-type": "application/json"}
    assert acme.patch(address, {"hour": 5}, headers=stale).status_code == 412
    said = {"name": "By night", "keep_days": 7}
    renamed = change(acme, address, **said).json()
    assert said.items() <= renamed.items()
    # What is due stays due; another time, or on again, begins with what is next.
    assert renamed["next_at"] < timezone.now().isoformat()
    assert renamed["filter"] == {"tag": "shoes"}
    off = change(acme, address, is_on=False, filter={"state": "ended"}).json()
    assert (off["is_on"], off["filter"]) == (False, {"state": "ended"})
    again = change(acme, address, is_on=True, every="month", hour=23).json()
    assert again["next_at"] > timezone.now().isoformat()
    assert again["next_at"][8:13] == "01T23"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"formats": []}, "formats"),
        ({"formats": ["pdf"]}, "formats.0"),
        ({"every": "year"}, "every"),
        ({"hour": 24}, "hour"),
        ({"keep_days": 0}, "keep_days"),
        ({"filter": {"agent": str(uuid4())}}, "filter.agent"),
    ],
)
def test_what_is_not_valid(acme: Client, wrong: dict[str, Any], field: str) -> None:
    made = make(acme).json()
    for answer in (make(acme, **wrong), change(acme, f"{LIST}{made['id']}/", **wrong)):
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_what_is_refused(cast: Cast, acme: Client) -> None:
    assert make(acme, formats=["audio"], redacted=True).json()["code"] == "no-redacted-sound"
    made = make(acme, formats=["audio"]).json()
    refused = change(acme, f"{LIST}{made['id']}/", redacted=True)
    assert (refused.status_code, refused.json()["code"]) == (400, "no-redacted-sound")
    assert acme.get(LIST).json()["results"] == [made]
    with tenant_scope(cast.acme.tenant.pk):
        row = ExportSchedule.objects.get()
        copies = [
            ExportSchedule(name="x", formats=["csv"], next_at=row.next_at, asked_by="system")
            for _ in range(MOST_SCHEDULES - 1)
        ]
        ExportSchedule.objects.bulk_create(copies)
    answer = make(acme)
    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-schedules")


def test_who_may_and_whose_they_are(cast: Cast, acme: Client) -> None:
    theirs = make(with_key(cast.globex.api_key)).json()
    address = f"{LIST}{theirs['id']}/"
    assert acme.get(LIST).json()["results"] == []
    assert acme.get(address).status_code == acme.delete(address).status_code == 404
    assert change(acme, address, name="Mine").status_code == 404
    agent = make_agent(cast.globex.tenant)
    foreign = make(acme, filter={"agent": str(agent.pk)})
    assert foreign.json()["errors"][0]["code"] == "does-not-exist"
    for scope, status in (("read", 403), ("write", 201)):
        _, text = create_api_key(cast.acme.tenant, scope, [scope])
        assert make(with_key(text)).status_code == status
    for role, status in (("owner", 200), ("admin", 200), ("developer", 403), ("reviewer", 403)):
        assert signed_in(getattr(cast.acme, role)).get(LIST).status_code == status
    _, text = create_api_key(cast.acme.tenant, "narrow", ["write"], is_test=True)
    assert make(with_key(text)).json()["code"] == "key-restricted"
