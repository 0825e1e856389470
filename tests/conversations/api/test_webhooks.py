from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.api_keys import create_api_key
from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import WebhookEndpoint
from conversations.webhooks.delivering import deliver_due
from conversations.webhooks.endpoints import MOST_ENDPOINTS
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in, with_key
from tests.conversations.tools.shop import HOST, Reply, Shop
from tests.conversations.webhooks.conftest import clock, receiver  # noqa: F401 - fixtures
from tests.conversations.webhooks.rows import allow_host, deliveries, make_endpoint, read, tell

pytestmark = pytest.mark.django_db
LIST = "/api/v1/webhooks/"
URL = "https://hooks.example.com/parley"


@pytest.fixture
def acme(cast: Cast) -> Client:
    allow_host(cast.acme.tenant, "hooks.example.com")
    _, text = create_api_key(cast.acme.tenant, "hooks", ["admin"])
    return with_key(text)


def post(client: Client, address: str, body: Any = None, **headers: str) -> Any:
    return client.post(address, body or {}, content_type="application/json", headers=headers)


def patch(client: Client, row: dict[str, Any], **body: Any) -> Any:
    return client.patch(f"{LIST}{row['id']}/", body, content_type="application/json")


def added(client: Client, **fields: Any) -> dict[str, Any]:
    answer = post(client, LIST, {"name": "Shop", "url": URL, "kinds": ["turn.final"], **fields})
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def test_from_adding_to_replaying(cast: Cast, acme: Client, receiver: Shop, clock: Any) -> None:  # noqa: F811
    allow_host(cast.acme.tenant, HOST)
    row = added(acme, url=receiver.url, kinds=["export.ready", "export.ready"])
    detail = f"{LIST}{row['id']}/"
    secret = row.pop("secret")
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert (row["kinds"], row["signing"], row["is_on"]) == (["export.ready"], "v1", True)
    assert acme.get(detail).json() == row
    assert acme.get(LIST).json()["results"] == [row]
    tested = post(acme, f"{detail}test/")
    assert (tested.status_code, tested.json()["kind"]) == (202, "webhook.test")
    assert tested.json()["next_try_at"] is not None
    tell(cast.acme.tenant)
    receiver.replies = [Reply(), Reply(500)]
    deliver_due(clock)
    said = {read(asked, secret)["type"] for asked in receiver.asked}
    assert said == {"webhook.test", "export.ready"}
    listed = acme.get(f"{detail}deliveries/").json()["results"]
    assert {each["kind"] for each in listed} == said
    assert {each["state"] for each in listed} == {"delivered", "waiting"}
    [waits] = acme.get(f"{detail}deliveries/?state=waiting").json()["results"]
    assert (waits["attempts"][0]["status"], waits["attempts"][0]["fault"]) == (500, "refused")
    assert acme.get(f"{detail}deliveries/?state=asleep").status_code == 400
    again = f"{detail}deliveries/{waits['id']}/replay/"
    assert post(acme, again).json()["code"] == "delivery-waits"
    [done] = acme.get(f"{detail}deliveries/?state=delivered").json()["results"]
    once_more = post(acme, f"{detail}deliveries/{done['id']}/replay/")
    assert (once_more.status_code, once_more.json()["state"]) == (202, "waiting")
    assert once_more.json()["webhook_id"] == done["webhook_id"]
    since = (timezone.now() - timedelta(hours=1)).isoformat()
    assert post(acme, f"{detail}replay/", {"since": since}).json() == {"deliveries": 0}
    assert post(acme, f"{detail}replay/").json()["errors"][0]["field"] == "since"
    assert acme.delete(detail).status_code == 204
    assert acme.get(detail).status_code == 404
    assert deliveries() == []


def test_a_secret_is_shown_once_and_replaced(cast: Cast, acme: Client) -> None:
    row = added(acme)
    detail = f"{LIST}{row['id']}/"
    new = post(acme, f"{detail}rotate/", {"overlap_hours": 1}).json()
    assert new["secret"] != row["secret"]
    assert post(acme, f"{detail}rotate/", {"overlap_hours": 999}).status_code == 400
    pair = added(acme, signing="v1a", name="Pair")
    assert pair["secret"] is None
    assert pair["public_keys"][0].startswith("whpk_")
    both = post(acme, f"{LIST}{pair['id']}/rotate/").json()
    assert (both["secret"], both["public_keys"][1:]) == (None, pair["public_keys"])
    shown = acme.get(detail).text + acme.get(LIST).text
    for secret in (row["secret"], new["secret"], "whsk_", "whsec_"):
        assert secret not in shown
    with platform_scope("test"):
        assert "whsec_" not in str(list(AuditEntry.objects.values()))


def test_the_same_request_again_has_the_same_secret(acme: Client) -> None:
    body = {"name": "Shop", "url": URL, "kinds": ["turn.final"]}
    one, two = (post(acme, LIST, body, **{"Idempotency-Key": "k-1"}) for _ in range(2))
    assert one.json() == two.json()
    assert len(acme.get(LIST).json()["results"]) == 1


def test_it_is_changed_turned_off_and_on(cast: Cast, acme: Client) -> None:
    row = added(acme)
    changed = patch(acme, row, name="Till", kinds=["turn.final", "budget.reached"]).json()
    assert (changed["name"], changed["kinds"]) == ("Till", ["turn.final", "budget.reached"])
    off = patch(acme, row, is_on=False).json()
    assert (off["is_on"], off["off_reason"]) == (False, "staff")
    for act, body in (("test/", {}), ("replay/", {"since": "2026-01-01T00:00:00Z"})):
        answer = post(acme, f"{LIST}{row['id']}/{act}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook-off")
    on = patch(acme, row, is_on=True).json()
    assert (on["is_on"], on["off_reason"], on["off_at"]) == (True, "", None)
    with tenant_scope(cast.acme.tenant.pk):
        entries = AuditEntry.objects.filter(action="webhookendpoint.changed").order_by("id")
        assert [entry.after for entry in entries][1:] == [{"is_on": False}, {"is_on": True}]
    stale = acme.patch(
        f"{LIST}{row['id']}/",
        {"name": "X"},
        content_type="application/json",
        headers={"If-Match": '"old"'},
    )
    assert stale.status_code == 412


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"url": "https://elsewhere.example/"}, "url", "address-refused"),
        ({"url": "http://hooks.example.com/"}, "url", "address-refused"),
        ({"url": "ftp://hooks.example.com/"}, "url", "address-refused"),
        ({"kinds": []}, "kinds", "empty"),
        ({"kinds": ["webhook.test"]}, "kinds.0", "invalid-choice"),
        ({"signing": "v2"}, "signing", "invalid-choice"),
        ({"name": ""}, "name", "blank"),
    ],
)
def test_what_is_not_valid(acme: Client, wrong: dict[str, Any], field: str, code: str) -> None:
    body = {"name": "Shop", "url": URL, "kinds": ["turn.final"], **wrong}
    answer = post(acme, LIST, body)
    assert answer.status_code == 400
    assert {each["field"]: each["code"] for each in answer.json()["errors"]}[field] == code


def test_another_tenants_are_not_known(cast: Cast, acme: Client) -> None:
    foreign = make_endpoint(cast.globex.tenant)
    tell(cast.globex.tenant)
    [delivery] = deliveries()
    detail = f"{LIST}{foreign.pk}/"
    assert acme.get(LIST).json()["results"] == []
    for address in (detail, f"{detail}deliveries/"):
        assert acme.get(address).status_code == 404
    acts = ("rotate/", "test/", "replay/", f"deliveries/{delivery.pk}/replay/")
    for act in acts:
        assert post(acme, detail + act, {"since": "2026-01-01T00:00:00Z"}).status_code == 404
    assert patch(acme, {"id": foreign.pk}, name="Mine").status_code == 404
    assert acme.delete(detail).status_code == 404
    own = added(acme)
    for other in (delivery.pk, uuid4()):
        answer = post(acme, f"{LIST}{own['id']}/deliveries/{other}/replay/")
        assert answer.status_code == 404
    with tenant_scope(cast.globex.tenant.pk):
        row = WebhookEndpoint.objects.get()
        assert (row.name, row.is_on) == ("Shop", True)


def test_who_may(cast: Cast) -> None:
    for scope, status in (("read", 403), ("write", 403), ("talk", 403), ("admin", 200)):
        _, text = create_api_key(cast.acme.tenant, scope, [scope])
        assert with_key(text).get(LIST).status_code == status
    for role, status in (("owner", 200), ("developer", 200), ("reviewer", 403)):
        assert signed_in(getattr(cast.acme, role)).get(LIST).status_code == status
    agent = make_agent(cast.acme.tenant)
    for narrow in ({"agents": [agent.pk]}, {"is_test": True}):
        _, text = create_api_key(cast.acme.tenant, "narrow", ["admin"], **narrow)
        assert with_key(text).get(LIST).json()["code"] == "key-restricted"


def test_only_so_many(cast: Cast, acme: Client) -> None:
    for number in range(MOST_ENDPOINTS):
        make_endpoint(cast.acme.tenant, name=f"{number}")
    answer = post(acme, LIST, {"name": "Shop", "url": URL, "kinds": ["turn.final"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-webhooks")
