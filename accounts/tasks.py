"""Background work on accounts, for Celery."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from accounts.audit.sealing import seal_all
from accounts.letters import post_letter  # noqa: F401 - Celery finds the tasks here
from accounts.resealing import reseal_stragglers  # noqa: F401


@shared_task
def seal_audit_entries(now: datetime | None = None) -> int:
    """Chain the audit entries that are not sealed yet. Returns how many there were.

    Running it twice, or two at once, seals each entry once.
    """
    return seal_all(now or timezone.now())
