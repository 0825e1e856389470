"""What was sent is kept for a month, to look at and to send again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from celery import shared_task
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.models import WebhookEvent

log = logging.getLogger(__name__)

KEPT_FOR: Final = timedelta(days=30)
BATCH: Final = 500


@shared_task
def forget_old_webhooks(now: datetime | None = None) -> int:
    """Delete events that are older than a month, with their deliveries and tries, whatever became
    of them. Returns how many there were."""
    cutoff = (now or timezone.now()) - KEPT_FOR
    count = 0
    with platform_scope("forget old webhook events"):
        old = WebhookEvent.objects.filter(happened_at__lt=cutoff)
        while ids := list(old.values_list("pk", flat=True)[:BATCH]):
            WebhookEvent.objects.filter(pk__in=ids).delete()
            count += len(ids)
    if count:
        log.info("forgot %d old webhook events", count)
    return count
