"""Webhooks for tests, in the words of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from standardwebhooks import Webhook

from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import (
    AllowedHost,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookKind,
)
from conversations.webhooks.endpoints import give_secret
from conversations.webhooks.outbox import announce
from tests.conversations.tools.shop import Asked

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://hooks.example.com/parley"


def allow_host(tenant: Tenant, host: str) -> None:
    with tenant_scope(tenant.pk):
        AllowedHost.objects.get_or_create(tenant=tenant, name=host)


def make_endpoint(tenant: Tenant, url: str = URL, **fields: Any) -> WebhookEndpoint:
    row = WebhookEndpoint(
        **{"tenant": tenant, "name": "Shop", "url": url, "kinds": list(WebhookKind), **fields}
    )
    with tenant_scope(tenant.pk):
        give_secret(row, timezone.now())
        if row.signing == WebhookEndpoint.Signing.HMAC:
            row.sealed_secret = b""
            row.set_secret(SECRET, timezone.now())
        row.save()
    return row


def tell(tenant: Tenant, subject: str = "one", kind: str = "export.ready", **data: Any) -> None:
    with tenant_scope(tenant.pk), transaction.atomic():
        announce(WebhookKind(kind), tenant.pk, {"export": subject, **data}, subject=subject)


def deliveries(tenant: Tenant | None = None) -> list[WebhookDelivery]:
    """The oldest first."""
    with platform_scope("test"):
        rows = WebhookDelivery.objects.select_related("event", "endpoint").order_by("id")
        return list(rows.filter(tenant=tenant) if tenant else rows)


def attempts() -> list[WebhookAttempt]:
    with platform_scope("test"):
        return list(WebhookAttempt.objects.order_by("id"))


def fresh(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    with platform_scope("test"):
        row: WebhookEndpoint = WebhookEndpoint.objects.get(pk=endpoint.pk)
    return row


def read(asked: Asked, secret: str = SECRET) -> Mapping[str, Any]:
    """The payload, if the official library takes its signature."""
    headers = {name.lower(): value for name, value in asked.headers.items()}
    told: Mapping[str, Any] = Webhook(secret).verify(asked.body, headers)
    return told
