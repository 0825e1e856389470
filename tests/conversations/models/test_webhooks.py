import pytest
from django.db import IntegrityError, transaction

from accounts.tenancy import TenantMismatch, tenant_scope
from conversations.models import WebhookDelivery, WebhookEvent
from tests.cast import Cast
from tests.conversations.webhooks.rows import make_endpoint


@pytest.mark.django_db
def test_an_event_reaches_an_endpoint_once_and_never_another_tenants(cast: Cast) -> None:
    endpoint = make_endpoint(cast.acme.tenant)
    with tenant_scope(cast.acme.tenant.pk):
        event = WebhookEvent.objects.create(kind="export.ready")
        delivery = WebhookDelivery.objects.create(endpoint=endpoint, event=event)
        with pytest.raises(IntegrityError), transaction.atomic():
            WebhookDelivery.objects.create(endpoint=endpoint, event=event)
    assert str(delivery) == f"event {event.message_id}"
    assert event.message_id == f"msg_{event.pk.hex}"
    assert "." not in event.message_id, "dots part what is signed"
    with tenant_scope(cast.globex.tenant.pk), pytest.raises(TenantMismatch):
        WebhookDelivery.objects.create(endpoint=endpoint, event=event)
