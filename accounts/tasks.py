"""Background work on accounts, for Celery."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from accounts.api.keeping import forget_old_requests  # noqa: F401
from accounts.audit.sealing import seal_all
from accounts.failover.failures import bring_back
from accounts.leaving.archives import make_archive, sweep_archives  # noqa: F401
from accounts.leaving.erasure import erase_tenant, sweep_departures  # noqa: F401
from accounts.letters import post_letter  # noqa: F401 - Celery finds the tasks here
from accounts.resealing import reseal_stragglers  # noqa: F401
from accounts.rotation.driving import advance_all
from accounts.rotation.schedule import begin_due_rotations, remind


@shared_task
def seal_audit_entries(now: datetime | None = None) -> int:
    """Chain the audit entries that are not sealed yet. Returns how many there were.

    Running it twice, or two at once, seals each entry once.
    """
    return seal_all(now or timezone.now())


@shared_task
def advance_rotations() -> int:
    """Begin the key rotations whose time has come, and drive all that have something to do.
    Returns how many were driven.

    Running two at once is safe: each rotation is driven by one of them.
    """
    now = timezone.now()
    remind(now)
    begin_due_rotations(now)
    return advance_all(timezone.now)


@shared_task
def bring_credentials_back() -> int:
    """Take the credentials whose quota has had its rest into service again. Returns how many
    there were. Running two at once brings each back once."""
    return bring_back(timezone.now())
