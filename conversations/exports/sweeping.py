"""What beat has done for exports: jobs are sent for again, and what has had its time is deleted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from accounts.audit import record
from accounts.leaving.files import EXPORTS, delete_folder, name_of
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.exports.files import folder_of
from conversations.exports.jobs import MOST_TRIES, clear_parts, make_export
from conversations.models import Export, ExportPart

log = logging.getLogger(__name__)

BATCH: Final = 200
_OVER: Final = (Export.State.READY, Export.State.FAILED, Export.State.EXPIRED)


@shared_task
def sweep_exports(now: datetime | None = None) -> None:
    """Send for the jobs that nobody works on, give up those that do not get on, and delete what
    has had its time."""
    now = now or timezone.now()
    with platform_scope("sweep exports"):
        idle = Export.objects.filter(state__in=Export.OPEN, lease_until__lte=now)
        give_up(idle)
        waiting = list(idle.values_list("pk", flat=True))
        expire(now)
        clear_what_is_over()
    for export_id in waiting:
        make_export.delay(str(export_id))


def give_up(idle: QuerySet[Export]) -> None:
    """Those that many tries did not bring on."""
    hopeless = idle.filter(tries__gte=MOST_TRIES)
    hopeless.filter(fault="").update(fault=Export.Fault.GAVE_UP)
    hopeless.update(state=Export.State.FAILED)


def expire(now: datetime) -> None:
    """Let go of the files whose time is over."""
    old = Export.objects.filter(state=Export.State.READY, expires_at__lte=now)
    old.update(state=Export.State.EXPIRED)
    for export in Export.objects.filter(state=Export.State.EXPIRED).exclude(file="").iterator():
        default_storage.delete(export.file)
        with tenant_scope(export.tenant_id):
            Export.objects.filter(pk=export.pk).update(file="")


def clear_what_is_over() -> None:
    """Parts that are left of an export that is whole, or will never be."""
    has_parts = Exists(ExportPart.objects.filter(export=OuterRef("pk")))
    for export in Export.objects.filter(has_parts, state__in=_OVER)[:BATCH]:
        with tenant_scope(export.tenant_id):
            clear_parts(export)


def delete_export(export: Export, actor: str) -> None:
    """Delete an export and its file, in its tenant's scope. Whoever makes it now gives up."""
    with transaction.atomic():
        record("export.deleted", export, actor=actor)
        export.delete()


@receiver(post_delete, sender=Export)
def delete_files(instance: Export, **_: Any) -> None:
    """A row that goes takes its files with it."""
    folder = folder_of(instance.tenant_id, instance.pk)
    transaction.on_commit(partial(delete_folder, folder))


@shared_task
def sweep_export_files() -> int:
    """Delete the folders of exports that are not there any more. Returns how many there were."""
    with platform_scope("files of exports that are gone"):
        tenants = list(Tenant.objects.values_list("pk", flat=True))
        left = [folder for tenant in tenants for folder in folders_left_behind(tenant)]
    for folder in left:
        delete_folder(folder)
    if left:
        log.warning("deleted the files of %d exports that are gone", len(left))
    return len(left)


def folders_left_behind(tenant_id: UUID) -> Iterator[str]:
    """Folders without a row. A row is committed before anything is written for it."""
    try:
        names, _ = default_storage.listdir(name_of(tenant_id, EXPORTS))
    except FileNotFoundError:
        return
    for start in range(0, len(names), BATCH):
        ids = {name for name in names[start : start + BATCH] if _is_id(name)}
        known = Export.objects.filter(pk__in=ids).values_list("pk", flat=True)
        for name in sorted(ids - set(map(str, known))):
            yield name_of(tenant_id, EXPORTS, name)


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
