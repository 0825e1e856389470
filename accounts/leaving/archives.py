"""Making an archive: a job that survives the death of whoever works on it.

The row is the job. Whoever gets its lease writes a file under a name that holds the name of this
try; the row names the file only when all of it is there. So a file is an archive if a row says so,
and otherwise a part that some try has left, which the next one deletes. A storage needs no
renaming for that. A holder that lost its lease notices with its next step, and gives up.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from celery import shared_task
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.leaving.contents import Contents, Made
from accounts.leaving.files import ARCHIVES, files_below, name_of
from accounts.leaving.lines import PAGE
from accounts.leaving.models import LEASE, Archive
from accounts.leaving.zipped import zipped
from accounts.letters import write_to_staff
from accounts.models import Tenant
from accounts.roles import Permission
from accounts.tenancy import platform_scope, tenant_scope

logger = logging.getLogger(__name__)

# A task that is killed this often has a fault that another try does not mend.
MOST_TRIES = 40
# Progress is stored, and the lease renewed, not more often than this.
TELL_EVERY = timedelta(seconds=1)
_TIME_LIMIT_S = 24 * 3600

Clock = Callable[[], datetime]


class ArchiveRefused(Exception):
    """No archive is begun. The text says why."""


class LeaseLost(Exception):
    """Somebody else works on the job now, or it is gone."""


def ask_for_archive(tenant: Tenant, actor: str) -> Archive:
    """Let an archive be made. Raises ArchiveRefused while one is being made."""
    try:
        with transaction.atomic():
            archive: Archive = Archive.objects.create(tenant=tenant, asked_by=actor)
            record("archive.asked-for", archive, actor=actor)
    except IntegrityError:
        raise ArchiveRefused("An archive is being made already. Wait for it below.") from None
    transaction.on_commit(partial(make_archive.delay, str(archive.pk)))
    return archive


@shared_task(time_limit=_TIME_LIMIT_S)
def make_archive(archive_id: str) -> None:
    """Make the archive, unless somebody else is at it or it is done."""
    make(UUID(archive_id), clock=timezone.now)


@shared_task
def sweep_archives(now: datetime | None = None) -> None:
    """Send for the jobs that nobody works on, and delete what has had its time."""
    now = now or timezone.now()
    with platform_scope("sweep archives"):
        idle = Archive.objects.filter(state__in=Archive.OPEN, lease_until__lte=now)
        for archive in idle.filter(tries__gte=MOST_TRIES):
            Archive.objects.filter(pk=archive.pk).update(state=Archive.State.FAILED)
            delete_parts(archive)
        waiting = list(idle.values_list("pk", flat=True))
        ready = Archive.objects.filter(state=Archive.State.READY, expires_at__lte=now)
        ready.update(state=Archive.State.EXPIRED)
        old = Archive.objects.filter(state=Archive.State.EXPIRED).exclude(file="")
        for archive in old.iterator():
            delete_file(archive)
    for archive_id in waiting:
        make_archive.delay(str(archive_id))


def delete_file(archive: Archive) -> None:
    """Delete the file of an archive that is not ready any more, then forget its name."""
    default_storage.delete(archive.file)
    with tenant_scope(archive.tenant_id):
        Archive.objects.filter(pk=archive.pk).update(file="")


def delete_parts(archive: Archive) -> None:
    """Delete what tries at a job that is not done have left."""
    folder = name_of(archive.tenant_id, ARCHIVES)
    for name in files_below(folder):
        if name.startswith(f"{folder}/{archive.pk}-"):
            default_storage.delete(name)


def make(archive_id: UUID, *, clock: Clock, page: int = PAGE) -> bool:
    """Make an archive. Returns False if it was not ours to make, or is not any more."""
    archive = claim(archive_id, clock())
    if archive is None:
        return False
    with tenant_scope(archive.tenant_id):
        work = _Try(archive, clock, page)
        try:
            work.run()
        except LeaseLost:
            logger.info("archive %s is made by somebody else", archive.pk)
            default_storage.delete(work.name)
            return False
    return True


def claim(archive_id: UUID, now: datetime) -> Archive | None:
    """Take the job if nobody has it. The database decides who won."""
    holder = uuid4()
    with platform_scope("take the job of making an archive"):
        free = Archive.objects.filter(
            pk=archive_id, state__in=Archive.OPEN, lease_until__lte=now, tries__lt=MOST_TRIES
        )
        free.update(
            state=Archive.State.RUNNING,
            holder=holder,
            lease_until=now + LEASE,
            tries=F("tries") + 1,
            rows_done=0,
        )
        won: Archive | None = Archive.objects.filter(pk=archive_id, holder=holder).first()
    return won


class _Stream(File):  # type: ignore[type-arg]
    """What a storage saves: pieces as they are made."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        super().__init__(None, name)
        self._pieces = pieces

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return self._pieces


class _Try:
    """One holder's work on an archive, in its tenant's scope."""

    def __init__(self, archive: Archive, clock: Clock, page: int) -> None:
        self._archive = archive
        self._clock = clock
        self._told_at = clock()
        self._rows = 0
        self._bytes = 0
        self._digest = hashlib.sha256()
        tenant = Tenant.objects.get(pk=archive.tenant_id)
        self._tenant = tenant
        self.name = name_of(tenant.pk, ARCHIVES, f"{archive.pk}-{archive.holder}.zip")
        made = Made(tenant, archive.asked_by, archive.asked_at, self._told_at)
        self._contents = Contents(made, clock, progress=self._on_progress, page=page)

    def run(self) -> None:
        delete_parts(self._archive)
        self._update(rows_expected=self._contents.expected_rows())
        stream = _Stream(self._pieces(), self.name)
        self.name = default_storage.save(self.name, stream)
        with transaction.atomic():
            self._finish()

    def _pieces(self) -> Iterator[bytes]:
        for piece in zipped(self._contents.members(), self._told_at):
            self._digest.update(piece)
            self._bytes += len(piece)
            yield piece

    def _on_progress(self, part: str, rows: int) -> None:
        self._rows += rows
        now = self._clock()
        if now - self._told_at >= TELL_EVERY:
            self._told_at = now
            self._update(part=part, rows_done=self._rows, lease_until=now + LEASE)

    def _finish(self) -> None:
        now = self._clock()
        older = Archive.objects.filter(state=Archive.State.READY)
        older.update(state=Archive.State.EXPIRED)
        self._update(
            state=Archive.State.READY,
            file=self.name,
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
            part="",
            rows_done=self._rows,
            ready_at=now,
            expires_at=now + timedelta(days=settings.ARCHIVE_KEEP_DAYS),
        )
        after = {"bytes": self._bytes, "sha256": self._digest.hexdigest(), "rows": self._rows}
        record("archive.made", self._archive, actor=SYSTEM, after=after)
        context = {"days": settings.ARCHIVE_KEEP_DAYS, "bytes": self._bytes}
        write_to_staff(self._tenant.pk, Permission.LEAVE, "archive_ready", context)

    def _update(self, **fields: object) -> None:
        """Raises LeaseLost unless the job is still ours."""
        mine = Archive.objects.filter(pk=self._archive.pk, holder=self._archive.holder)
        if not mine.filter(state=Archive.State.RUNNING).update(**fields):
            raise LeaseLost
