"""What is noted of requests to the API is not kept for ever."""

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.api.models import ApiRequest, IdempotentRequest
from accounts.tenancy import platform_scope

log = logging.getLogger(__name__)

BATCH = 2000


@shared_task
def forget_old_requests(now: datetime | None = None) -> int:
    """Delete notes of requests that are older than API_LOG_DAYS, and kept answers whose time is
    over. Returns how many there were. Two at once delete each once."""
    now = now or timezone.now()
    with platform_scope("forget old requests to the API"):
        log_ends = now - timedelta(days=settings.API_LOG_DAYS)
        count = _delete(ApiRequest.objects.filter(at__lte=log_ends))
        count += _delete(IdempotentRequest.objects.filter(expires_at__lte=now))
    if count:
        log.info("forgot %d old requests to the API", count)
    return count


def _delete(rows: "QuerySet[ApiRequest] | QuerySet[IdempotentRequest]") -> int:
    """In batches, so that nobody waits behind one long statement."""
    count = 0
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        count += rows.model._base_manager.filter(pk__in=ids).delete()[0]
    return count
