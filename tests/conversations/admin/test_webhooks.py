from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import AllowedHost, WebhookEndpoint
from conversations.webhooks.delivering import deliver_due
from conversations.webhooks.endpoints import MOST_ENDPOINTS
from tests.cast import Cast
from tests.conversations.talks import signed_in
from tests.conversations.tools.shop import Reply, Shop
from tests.conversations.webhooks.conftest import clock, endpoint, receiver  # noqa: F401
from tests.conversations.webhooks.rows import (
    SECRET,
    allow_host,
    deliveries,
    fresh,
    make_endpoint,
    read,
    tell,
)

pytestmark = pytest.mark.django_db
WEBHOOKS = "/admin/conversations/webhookendpoint/"
DELIVERIES = "/admin/conversations/webhookdelivery/"
URL = "https://hooks.example.com/parley"
FORM: dict[str, Any] = {
    "name": "Shop",
    "url": URL,
    "kinds": ["turn.final", "export.ready"],
    "signing": "v1",
}


@pytest.fixture
def developer(cast: Cast) -> Client:
    return signed_in(cast.acme.developer)


def act(client: Client, row: Any, action: str, place: str = WEBHOOKS, **more: str) -> Any:
    """An action of the list, with its question answered."""
    form = {"action": action, "_selected_action": [str(row.pk)], "index": "0"}
    return client.post(place, form | {"confirmed": "yes"} | more, follow=True)


def newest(cast: Cast) -> WebhookEndpoint:
    with tenant_scope(cast.acme.tenant.pk):
        row: WebhookEndpoint = WebhookEndpoint.objects.latest("id")
    return row


@pytest.mark.parametrize(("signing", "shown"), [("v1", "whsec_"), ("v1a", "whpk_")])
def test_it_is_added_and_its_secret_shown_once(
    cast: Cast, developer: Client, signing: str, shown: str
) -> None:
    allow_host(cast.acme.tenant, "hooks.example.com")
    page = developer.post(f"{WEBHOOKS}add/", FORM | {"signing": signing})
    assert page.status_code == 200
    row = newest(cast)
    with tenant_scope(cast.acme.tenant.pk):
        [secret] = row.open_secrets(timezone.now())
    assert shown in page.text
    assert (secret in page.text) == (signing == "v1")
    assert (row.kinds, row.is_on, row.signing) == (FORM["kinds"], True, signing)
    detail = developer.get(f"{WEBHOOKS}{row.pk}/change/").text
    assert secret not in detail
    assert row.public_key in detail
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="webhookendpoint.created")
    assert secret not in str(entry.after)


def test_an_address_has_to_be_allowed(cast: Cast, developer: Client) -> None:
    page = developer.post(f"{WEBHOOKS}add/", FORM | {"allow_host": "on"})
    assert "An admin can add it" in page.text
    assert "Allow this host" not in developer.get(f"{WEBHOOKS}add/").text
    owner = signed_in(cast.acme.owner)
    assert "Or tick" in owner.post(f"{WEBHOOKS}add/", FORM).text
    assert "whsec_" in owner.post(f"{WEBHOOKS}add/", FORM | {"allow_host": "on"}).text
    with tenant_scope(cast.acme.tenant.pk):
        assert AllowedHost.objects.get().name == "hooks.example.com"
    assert newest(cast).name == "Shop"
    assert "This field is required" in owner.post(f"{WEBHOOKS}add/", FORM | {"kinds": []}).text


def test_only_so_many(cast: Cast) -> None:
    for number in range(MOST_ENDPOINTS):
        make_endpoint(cast.acme.tenant, name=f"{number}")
    page = signed_in(cast.acme.owner).post(f"{WEBHOOKS}add/", FORM | {"allow_host": "on"})
    assert "Delete one that is not needed" in page.text


def test_it_is_changed_and_turned_off_and_on(cast: Cast, developer: Client) -> None:
    allow_host(cast.acme.tenant, "hooks.example.com")
    row = make_endpoint(cast.acme.tenant, URL, failing_since=timezone.now())
    detail = f"{WEBHOOKS}{row.pk}/change/"
    assert "Fails since" in developer.get(WEBHOOKS).text
    form = {"name": "Till", "url": URL, "kinds": ["turn.final"]}
    assert developer.post(detail, form).status_code == 302
    row = fresh(row)
    assert (row.name, row.kinds, row.is_on, row.off_reason) == (
        "Till",
        ["turn.final"],
        False,
        "staff",
    )
    assert "Off: Turned off here" in developer.get(detail).text
    developer.post(detail, form | {"is_on": "on"})
    row = fresh(row)
    assert (row.is_on, row.off_reason, row.failing_since) == (True, "", None)
    assert row.signing == "v1", "it stays"


def test_what_was_sent_is_looked_at_and_sent_again(
    cast: Cast,
    developer: Client,
    endpoint: WebhookEndpoint,  # noqa: F811
    receiver: Shop,  # noqa: F811
    clock: Any,  # noqa: F811
) -> None:
    tell(cast.acme.tenant)
    receiver.replies = [Reply(500)]
    for _ in range(12):
        deliver_due(clock, chance=lambda: 0)
        clock.pass_by(days=1)
    [delivery] = deliveries()
    detail = f"{WEBHOOKS}{endpoint.pk}/change/"
    assert "Nothing arrived for three days" in developer.get(detail).text
    page = developer.get(detail).text
    assert "export.ready" in page
    assert ": 500 in" in page
    page = developer.get(f"{DELIVERIES}{delivery.pk}/change/").text
    assert delivery.event.message_id in page
    assert page.count(": 500 in") >= 10
    listed = developer.get(f"{DELIVERIES}?state__exact=failed").text
    assert "An export can be downloaded" in listed
    assert "it on first" in act(developer, delivery, "replay", DELIVERIES).text
    with tenant_scope(cast.acme.tenant.pk):
        WebhookEndpoint.objects.update(is_on=True)
    assert "1 on their way" in act(developer, endpoint, "replay_failed", span="720").text
    assert [row.state for row in deliveries()] == ["waiting"]
    receiver.replies = [Reply()]
    deliver_due(clock)
    assert "1 on their way" in act(developer, delivery, "replay", DELIVERIES).text
    assert "wait for their next try already" in act(developer, delivery, "replay", DELIVERIES).text


def test_a_test_is_sent(
    cast: Cast,
    developer: Client,
    endpoint: WebhookEndpoint,  # noqa: F811
    receiver: Shop,  # noqa: F811
    clock: Any,  # noqa: F811
) -> None:
    assert "on its way" in act(developer, endpoint, "test").text
    deliver_due(clock)
    assert read(receiver.asked[0])["type"] == "webhook.test"
    with tenant_scope(cast.acme.tenant.pk):
        WebhookEndpoint.objects.update(is_on=False)
    for action in ("test", "replay_failed"):
        assert "Turn it on first" in act(developer, endpoint, action).text


def test_a_secret_is_replaced(cast: Cast, developer: Client) -> None:
    row = make_endpoint(cast.acme.tenant)
    asked = developer.post(
        WEBHOOKS, {"action": "replace_secret", "_selected_action": [str(row.pk)], "index": "0"}
    )
    assert "Make a new secret?" in asked.text
    assert "For 7 days" in asked.text
    page = act(developer, row, "replace_secret", overlap="1")
    with tenant_scope(cast.acme.tenant.pk):
        new, old = fresh(row).open_secrets(timezone.now())
    assert new in page.text
    assert old == SECRET
    other = make_endpoint(cast.acme.tenant, name="Other")
    form = {"action": "replace_secret", "index": "0", "confirmed": "yes"}
    both = {"_selected_action": [str(row.pk), str(other.pk)]}
    assert "exactly one" in developer.post(WEBHOOKS, form | both, follow=True).text


def test_it_is_deleted_with_its_deliveries(cast: Cast, developer: Client) -> None:
    row = make_endpoint(cast.acme.tenant)
    tell(cast.acme.tenant)
    detail = f"{WEBHOOKS}{row.pk}/delete/"
    assert "Deliveries that go too: 1" in developer.get(detail).text
    developer.post(detail, {"confirmed": "yes", "typed": "Shop"})
    assert deliveries() == []


def test_whose_it_is(cast: Cast, developer: Client) -> None:
    foreign = make_endpoint(cast.globex.tenant)
    tell(cast.globex.tenant)
    [delivery] = deliveries()
    assert developer.get(f"{WEBHOOKS}{foreign.pk}/change/").status_code == 404
    assert developer.get(f"{DELIVERIES}{delivery.pk}/change/").status_code == 404
    assert act(developer, foreign, "test").status_code == 404
    assert act(developer, delivery, "replay", DELIVERIES).status_code == 404
    assert signed_in(cast.acme.reviewer).get(WEBHOOKS).status_code == 404
    operator = signed_in(cast.operator)
    assert foreign.url in operator.get(WEBHOOKS).text
    assert operator.get(f"{WEBHOOKS}add/").status_code == 403
    assert operator.post(f"{WEBHOOKS}{foreign.pk}/change/", FORM).status_code == 403
