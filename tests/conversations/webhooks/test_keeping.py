from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.models import WebhookEvent
from conversations.webhooks import keeping
from conversations.webhooks.keeping import KEPT_FOR, forget_old_webhooks
from tests.cast import Cast
from tests.conversations.webhooks.rows import deliveries, make_endpoint, tell


@pytest.mark.django_db
def test_a_month_is_kept(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BATCH", 2)
    for company in (cast.acme, cast.globex):
        make_endpoint(company.tenant)
        for number in range(3):
            tell(company.tenant, f"{number}")
    now = timezone.now()
    with platform_scope("test"):
        new = WebhookEvent.objects.first()
        assert new is not None
        old = WebhookEvent.objects.exclude(pk=new.pk)
        old.update(happened_at=now - KEPT_FOR - timedelta(seconds=1))
    assert forget_old_webhooks(now) == 5
    assert [row.event.pk for row in deliveries()] == [new.pk]
    assert forget_old_webhooks(now) == 0
