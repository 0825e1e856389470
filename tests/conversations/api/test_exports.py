import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.api_keys import create_api_key
from accounts.models import ApiKey, AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from config.settings import storage
from conversations.exports.jobs import MOST_OPEN, make
from conversations.models import Export
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import asked, made, stored, talk_a_lot
from tests.conversations.talks import make_agent, make_conversation, signed_in, with_key

pytestmark = pytest.mark.django_db
LIST = "/api/v1/exports/"


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = settings.STORAGES | {"default": storage(f"file://{tmp_path}/files")}


@pytest.fixture
def clock() -> Clock:
    return Clock(timezone.now() + timedelta(seconds=30))


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def ask(client: Client, **body: Any) -> Any:
    return client.post(LIST, {"format": "jsonl", **body}, content_type="application/json")


@async_to_sync
async def body(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def test_from_asking_to_the_file(cast: Cast, acme: Client, clock: Clock) -> None:
    agent = talk_a_lot(cast.acme, 3)
    answer = ask(acme, format="csv", redacted=True, filter={"agent": str(agent.pk)})
    assert answer.status_code == 201
    export = answer.json()
    assert answer["Location"].endswith(f"{LIST}{export['id']}/")
    assert export["filter"] == {"agent": str(agent.pk)}
    assert (export["state"], export["percent"], export["file"]) == ("queued", 0, None)
    detail, link = f"{LIST}{export['id']}/", f"{LIST}{export['id']}/link/"
    assert acme.post(link).json()["code"] == "export-not-ready"
    assert make(Export(id=export["id"]).pk, clock=clock)
    ready = acme.get(detail).json()
    assert (ready["state"], ready["percent"]) == ("ready", 100)
    assert ready["conversations"] == {"done": 3, "expected": 3}
    assert ready["turns"] == {"done": 12, "expected": 12}
    assert ready["file"]["name"].endswith("-redacted.csv.gz")
    assert acme.get(LIST).json()["results"] == [ready]
    place = acme.post(link).json()
    whole = acme.get(place["url"])
    data = body(whole)
    assert len(data) == ready["file"]["bytes"]
    assert hashlib.sha256(data).hexdigest() == ready["file"]["sha256"]
    assert whole["Content-Type"] == ready["file"]["media_type"]
    rest = acme.get(place["url"], headers={"Range": "bytes=9-"})
    assert (rest.status_code, body(rest)) == (206, data[9:])
    assert acme.delete(detail).status_code == 204
    assert acme.get(detail).status_code == acme.get(place["url"]).status_code == 404


def test_a_link_is_for_one_key(cast: Cast, acme: Client, clock: Clock) -> None:
    export = made(cast.acme.tenant, clock)
    link = acme.post(f"{LIST}{export.pk}/link/").json()["url"]
    key, other = create_api_key(cast.acme.tenant, "other", ["write"])
    assert with_key(other).get(link).json()["code"] == "link-expired"
    assert signed_in(cast.acme.owner).get(link).status_code == 403
    assert signed_in(cast.acme.reviewer).get(link).json()["code"] == "permission-denied"
    assert with_key(cast.globex.api_key).get(link).status_code == 404
    assert Client().get(link).status_code == 401
    assert acme.get(link.partition("?")[0]).json()["code"] == "link-expired"
    with tenant_scope(cast.acme.tenant.pk):
        ApiKey.objects.exclude(pk=key.pk).update(revoked_at=timezone.now())
    assert acme.get(link).status_code == 401
    with platform_scope("test"):
        assert not AuditEntry.objects.filter(action="export.downloaded").exists()


def test_a_person_downloads_with_her_session(cast: Cast, clock: Clock) -> None:
    export = made(cast.acme.tenant, clock)
    owner = signed_in(cast.acme.owner)
    link = owner.post(f"{LIST}{export.pk}/link/").json()["url"]
    assert len(body(owner.get(link))) == export.bytes


def test_what_had_its_time_is_gone(cast: Cast, acme: Client, clock: Clock) -> None:
    export = made(cast.acme.tenant, clock)
    link = acme.post(f"{LIST}{export.pk}/link/").json()["url"]
    with tenant_scope(cast.acme.tenant.pk):
        Export.objects.update(state=Export.State.EXPIRED, file="")
    for answer in (acme.get(link), acme.post(f"{LIST}{export.pk}/link/")):
        assert (answer.status_code, answer.json()["code"]) == (410, "export-gone")


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"format": "pdf"}, "format", "invalid-choice"),
        ({"filter": {"state": "asleep"}}, "filter.state", "invalid-choice"),
        ({"filter": {"agent": str(uuid4())}}, "filter.agent", "does-not-exist"),
        ({"filter": {"conversations": [str(uuid4())]}}, "filter.conversations", "does-not-exist"),
        ({"filter": {"conversations": []}}, "filter.conversations", "empty"),
        (
            {"filter": {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}},
            "filter.until",
            "invalid",
        ),
    ],
)
def test_what_is_not_valid(acme: Client, wrong: dict[str, Any], field: str, code: str) -> None:
    answer = ask(acme, **wrong)
    assert answer.status_code == 400
    errors = {error["field"]: error["code"] for error in answer.json()["errors"]}
    assert errors[field] == code


def test_what_is_refused(cast: Cast, acme: Client) -> None:
    answer = ask(acme, format="audio", redacted=True)
    assert (answer.status_code, answer.json()["code"]) == (400, "no-redacted-sound")
    silent = make_conversation(make_agent(cast.acme.tenant), None)
    answer = ask(acme, format="audio", filter={"conversations": [str(silent.pk)]})
    assert (answer.status_code, answer.json()["code"]) == (400, "nothing-recorded")
    for _ in range(MOST_OPEN):
        asked(cast.acme.tenant)
    answer = ask(acme)
    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-exports")


def test_another_tenants_exports_are_not_known(cast: Cast, acme: Client, clock: Clock) -> None:
    foreign = made(cast.globex.tenant, clock)
    talk = make_conversation(make_agent(cast.globex.tenant), cast.globex.member)
    assert acme.get(LIST).json()["results"] == []
    for address in ("", "file/?key=x"):
        assert acme.get(f"{LIST}{foreign.pk}/{address}").status_code == 404
    assert acme.post(f"{LIST}{foreign.pk}/link/").status_code == 404
    assert acme.delete(f"{LIST}{foreign.pk}/").status_code == 404
    answer = ask(acme, filter={"conversations": [str(talk.pk)]})
    assert answer.json()["errors"][0]["code"] == "does-not-exist"
    assert stored(foreign).state == "ready"


def test_who_may(cast: Cast) -> None:
    for scope, status in (("read", 403), ("talk", 403), ("write", 201)):
        _, text = create_api_key(cast.acme.tenant, scope, [scope])
        assert ask(with_key(text)).status_code == status
    for role, status in (("owner", 200), ("admin", 200), ("developer", 403), ("reviewer", 403)):
        assert signed_in(getattr(cast.acme, role)).get(LIST).status_code == status
    agent = make_agent(cast.acme.tenant)
    for narrow in ({"agents": [agent.pk]}, {"is_test": True}):
        _, text = create_api_key(cast.acme.tenant, "narrow", ["write"], **narrow)
        assert with_key(text).get(LIST).json()["code"] == "key-restricted"
