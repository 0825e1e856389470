from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import WebhookDelivery, WebhookEndpoint
from conversations.webhooks.delivering import deliver_due
from conversations.webhooks.endpoints import (
    MOST_ENDPOINTS,
    AddressRefused,
    EndpointOff,
    TooManyEndpoints,
    check_address,
    check_room,
    delete_endpoint,
    public_keys,
    replay,
    replay_failed,
    rotate,
    send_test,
    switch,
)
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.tools.shop import Reply, Shop
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
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://hooks.example.com/parley", ""),
        ("https://deep.hooks.example.org/", ""),
        ("https://elsewhere.example/", "An admin can add it"),
        ("http://hooks.example.com/parley", "https://"),
        ("https://user:pass@hooks.example.com/", "no password"),
        ("hooks.example.com", "no address"),
    ],
)
def test_an_address_is_an_allowed_host(cast: Cast, url: str, said: str) -> None:
    tenant = cast.acme.tenant
    allow_host(tenant, "hooks.example.com")
    allow_host(tenant, "*.hooks.example.org")
    allow_host(cast.globex.tenant, "elsewhere.example")
    with tenant_scope(tenant.pk):
        if not said:
            check_address(tenant.pk, url)
            return
        with pytest.raises(AddressRefused, match=said):
            check_address(tenant.pk, url)


def test_there_are_only_so_many(cast: Cast) -> None:
    for number in range(MOST_ENDPOINTS):
        with tenant_scope(cast.acme.tenant.pk):
            check_room()
        make_endpoint(cast.acme.tenant, name=f"{number}")
    with tenant_scope(cast.acme.tenant.pk), pytest.raises(TooManyEndpoints):
        check_room()


def test_two_secrets_while_one_is_replaced(cast: Cast) -> None:
    now = timezone.now()
    hmac, pair = make_endpoint(cast.acme.tenant), make_endpoint(cast.acme.tenant, signing="v1a")
    first = pair.public_key
    with tenant_scope(cast.acme.tenant.pk):
        new = rotate(hmac, "user:1", now, HOUR)
        assert hmac.open_secrets(now) == (new, SECRET)
        assert hmac.open_secrets(now + HOUR) == (new,)
        assert public_keys(hmac, now) == []
        assert rotate(pair, "user:1", now, HOUR) == pair.public_key != first
        assert public_keys(pair, now) == [pair.public_key, first]
        assert public_keys(pair, now + HOUR) == [pair.public_key]
        entries = AuditEntry.objects.filter(action="webhookendpoint.secret-replaced")
        assert [entry.actor for entry in entries] == ["user:1", "user:1"]
        assert new not in str(list(entries.values()))


def test_what_failed_is_sent_again_with_its_id(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    tenant, began = cast.acme.tenant, timezone.now()
    for subject in ("one", "two"):
        tell(tenant, subject)
    receiver.replies = [Reply(400)]
    for _ in range(12):
        deliver_due(clock, chance=lambda: 0)
        clock.pass_by(days=1)
    assert {row.state for row in deliveries()} == {"failed"}
    receiver.replies = [Reply(200)]
    with tenant_scope(tenant.pk):
        with pytest.raises(EndpointOff):
            replay_failed(fresh(endpoint), began, "user:1", clock())
        row = fresh(endpoint)
        row.is_on = True
        switch(row, clock())
        row.save()
        assert (row.off_reason, row.off_at, row.failing_since) == ("", None, None)
        assert replay_failed(row, timezone.now() + HOUR, "user:1", clock()) == 0
        one, two = WebhookDelivery.objects.order_by("id")
        assert replay(row, [one.pk], "user:1", clock()) == 1
        assert replay(row, [one.pk], "user:1", clock()) == 0, "it waits already"
        assert replay_failed(row, began, "user:1", clock()) == 1
    before = {asked.headers["webhook-id"] for asked in receiver.asked}
    receiver.asked.clear()
    deliver_due(clock)
    assert {asked.headers["webhook-id"] for asked in receiver.asked} == before
    assert [each.state for each in deliveries()] == ["delivered", "delivered"]
    with tenant_scope(tenant.pk):
        assert replay(fresh(endpoint), [two.pk], "user:1", clock()) == 1, "also what arrived"


def test_a_test_goes_to_one_alone(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    make_endpoint(cast.acme.tenant, receiver.url, name="Other")
    with tenant_scope(cast.acme.tenant.pk):
        made = send_test(endpoint, "user:1", timezone.now())
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(kinds=[])
    assert deliver_due(clock) == 1
    assert read(receiver.asked[0])["type"] == "webhook.test"
    assert deliveries()[0].pk == made.pk
    endpoint.is_on = False
    with tenant_scope(cast.acme.tenant.pk), pytest.raises(EndpointOff):
        send_test(endpoint, "user:1", timezone.now())


def test_it_is_deleted_with_what_was_sent(
    cast: Cast, endpoint: WebhookEndpoint, clock: Clock
) -> None:
    tell(cast.acme.tenant)
    deliver_due(clock)
    with tenant_scope(cast.acme.tenant.pk):
        delete_endpoint(endpoint, "user:1")
    assert deliveries() == []
    with platform_scope("test"):
        assert AuditEntry.objects.filter(action="webhookendpoint.deleted").exists()


def test_replays_stay_with_their_endpoint(cast: Cast) -> None:
    now = timezone.now()
    mine, theirs = make_endpoint(cast.acme.tenant), make_endpoint(cast.acme.tenant, name="Other")
    tell(cast.acme.tenant)
    with tenant_scope(cast.acme.tenant.pk):
        WebhookDelivery.objects.update(state="failed")
        foreign = WebhookDelivery.objects.get(endpoint=theirs)
        assert replay(mine, [foreign.pk], "user:1", now) == 0
        assert replay_failed(mine, now - HOUR, "user:1", now) == 1
        assert WebhookDelivery.objects.get(endpoint=theirs).state == "failed"
