"""Recordings go: when their time is over, with their conversation, or when they belong to none.

A row that is deleted takes its file with it after the commit. Should the process die in between,
the sweep finds the file: it deletes every file that no row names.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from accounts.leaving.files import files_below, name_of
from accounts.models import Tenant
from accounts.tenancy import platform_scope
from conversations.models import Consent, Recording, lock_holds, on_hold
from conversations.models.recordings import FOLDER

log = logging.getLogger(__name__)

BATCH: Final = 500
# A file has its row within seconds; a database that is away may make that hours.
SURELY_LEFT_BEHIND: Final = timedelta(days=1)


@receiver(post_delete, sender=Recording)
def delete_file(instance: Recording, **_: Any) -> None:
    if instance.file:
        transaction.on_commit(partial(default_storage.delete, instance.file))


@shared_task
def delete_old_recordings(now: datetime | None = None) -> int:
    """Delete what was promised not to be kept any longer. Returns how many pieces that were."""
    now = now or timezone.now()
    with platform_scope("recordings whose time is over"):
        kept = Recording.objects.filter(conversation=OuterRef("conversation"))
        over = Consent.objects.filter(Exists(kept), kept_until__lte=now)
        over = over.exclude(on_hold("conversation__"))
        conversations = list(over.values_list("conversation_id", "tenant_id"))
        count = sum(delete_recordings(*conversation) for conversation in conversations)
    if count:
        log.info("deleted %d pieces of old recordings", count)
    return count


def delete_recordings(conversation_id: UUID, tenant_id: UUID) -> int:
    """Delete what is kept of a conversation, in small transactions. What a legal hold covers, also
    one that comes meanwhile, stays."""
    rows = Recording.objects.filter(conversation_id=conversation_id)
    free, count, is_done = rows.exclude(on_hold("conversation__")), 0, False
    while not is_done:
        with transaction.atomic():
            lock_holds(tenant_id)
            ids = list(free.values_list("pk", flat=True)[:BATCH])
            count += Recording.objects.filter(pk__in=ids).delete()[0]
            is_done = len(ids) < BATCH
    return count


@shared_task
def sweep_recordings(now: datetime | None = None) -> int:
    """Delete the files that no row names. Returns how many there were."""
    before = (now or timezone.now()) - SURELY_LEFT_BEHIND
    with platform_scope("files of recordings that no row names"):
        tenants = list(Tenant.objects.values_list("pk", flat=True))
        left = [name for tenant in tenants for name in left_behind(tenant, before)]
        for name in left:
            default_storage.delete(name)
    if left:
        log.warning("deleted %d files of recordings that no row named", len(left))
    return len(left)


def left_behind(tenant_id: UUID, before: datetime) -> Iterator[str]:
    """Names of files that were there `before` already, and that no row names."""
    names: list[str] = []
    for name in files_below(name_of(tenant_id, FOLDER)):
        names.append(name)
        if len(names) == BATCH:
            yield from unnamed(names, before)
            names = []
    yield from unnamed(names, before)


def unnamed(names: list[str], before: datetime) -> Iterator[str]:
    known = set(Recording.objects.filter(file__in=names).values_list("file", flat=True))
    for name in names:
        if name not in known and default_storage.get_modified_time(name) < before:
            yield name
