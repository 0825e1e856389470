"""Making an export: a job that goes on from its last whole part when who worked on it died.

The row is the job, and the message only a hint: it may come twice, or never. Whoever gets the
lease writes parts, each to the storage first and into its row after, in one transaction with the
lease. So a part counts when its row is there, and whoever lost the lease cannot add one. When the
last part is there they are joined into one file under the name of this try, and the export's row
names it; only then it is an export. Each file has its try in its name, so nobody writes over
another one's, and what no row names is left-over, which the next try deletes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from celery import shared_task
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.leaving.files import files_below
from accounts.tenancy import platform_scope, tenant_scope
from conversations.exports.files import folder_of, kind_of
from conversations.exports.pieces import DONE, Part, Piece, parts
from conversations.exports.reading import PAGE, Place, entries
from conversations.exports.wanted import Wanted
from conversations.exports.written import form_of, written
from conversations.models import Export, ExportPart, Recording, Turn
from conversations.models.exports import ExportFormat
from conversations.webhooks.outbox import announce_all
from conversations.webhooks.telling import export_ready

log = logging.getLogger(__name__)

# Whoever works on a job renews its lease with each step; once that ran out, another one takes it.
LEASE: Final = timedelta(seconds=60)
# A job that so many tries in a row brought no further has a fault that another one does not mend.
MOST_TRIES: Final = 20
# One tenant's exports do not stand in everybody's way.
MOST_OPEN: Final = 10
# While parts are joined the lease is renewed not more often than this.
TELL_EVERY: Final = timedelta(seconds=1)
JOINED_AT_ONCE: Final = 256 * 1024
_TIME_LIMIT_S: Final = 24 * 3600

Clock = Callable[[], datetime]


# ExportRefused
# ├── TooManyExports     wait until one of them is done
# ├── NoRedactedSound    words can be taken out of a text, not out of a sound
# └── NothingRecorded    of this conversation no sound is kept
class ExportRefused(Exception):
    """No export is begun. The text says why; `code` is for programs."""

    code = "export_refused"


class TooManyExports(ExportRefused):
    code = "too_many_exports"

    def __init__(self) -> None:
        super().__init__(f"{MOST_OPEN} exports are being made. Wait until one of them is done.")


class NoRedactedSound(ExportRefused):
    code = "no_redacted_sound"

    def __init__(self) -> None:
        super().__init__("Audio cannot be redacted. Choose another format, or the whole sound.")


class NothingRecorded(ExportRefused):
    code = "nothing_recorded"

    def __init__(self) -> None:
        super().__init__("No sound is kept of this conversation. Choose another format.")


class LeaseLost(Exception):
    """Somebody else works on the job now, or it is gone."""


class PartBroken(Exception):
    """A stored part is not what its row says. `number` is the first of these."""

    def __init__(self, number: int) -> None:
        super().__init__("a part of an export is broken")
        self.number = number


# -- Asking ----------------------------------------------------------------------------------


def check(wanted: Wanted, wanted_format: str, *, is_redacted: bool) -> None:
    """Raises ExportRefused for what cannot be made. Needs the tenant's scope."""
    if wanted_format != ExportFormat.AUDIO:
        return
    if is_redacted:
        raise NoRedactedSound
    if wanted.only and not Recording.objects.filter(conversation_id=wanted.only).exists():
        raise NothingRecorded


def ask_for_export(
    wanted: Wanted, wanted_format: str, actor: str, *, is_redacted: bool = False
) -> Export:
    """Let an export be made, in its tenant's scope. Raises ExportRefused."""
    check(wanted, wanted_format, is_redacted=is_redacted)
    if Export.objects.filter(state__in=Export.OPEN)[:MOST_OPEN].count() >= MOST_OPEN:
        raise TooManyExports
    with transaction.atomic():
        export: Export = Export.objects.create(
            format=wanted_format,
            is_redacted=is_redacted,
            wanted=wanted.as_json(),
            asked_by=actor,
            keep_days=settings.EXPORT_KEEP_DAYS,
        )
        record_asking(export)
    return export


def record_asking(export: Export) -> None:
    """Note it, without the words that were looked for, and send for a worker after the commit."""
    of = {name: value for name, value in export.wanted.items() if name != "text"}
    after = {"format": export.format, "redacted": export.is_redacted, "of": of}
    record("export.asked-for", export, actor=export.asked_by, after=after)
    transaction.on_commit(partial(make_export.delay, str(export.pk)))


@shared_task(time_limit=_TIME_LIMIT_S)
def make_export(export_id: str) -> None:
    """Make the export, unless somebody else is at it or it is done."""
    make(UUID(export_id), clock=timezone.now)


# -- Making ----------------------------------------------------------------------------------


def make(export_id: UUID, *, clock: Clock, page: int = PAGE) -> bool:
    """Make an export, or go on with it. Returns False if it was not ours to make, or is not any
    more. Raises OSError if the storage did not take it: the sweeper sends for it again."""
    export = claim(export_id, clock())
    if export is None:
        return False
    with tenant_scope(export.tenant_id):
        work = _Try(export, clock, page)
        try:
            work.run()
        except LeaseLost:
            log.info("export %s is made by somebody else, or not wanted any more", export.pk)
            work.clear_away()
            return False
    return True


def claim(export_id: UUID, now: datetime) -> Export | None:
    """Take the job if nobody has it. The database decides who won."""
    holder = uuid4()
    with platform_scope("take the job of making an export"):
        free = Export.objects.filter(
            pk=export_id, state__in=Export.OPEN, lease_until__lte=now, tries__lt=MOST_TRIES
        )
        free.update(
            state=Export.State.RUNNING,
            holder=holder,
            lease_until=now + LEASE,
            tries=F("tries") + 1,
        )
        won: Export | None = Export.objects.filter(pk=export_id, holder=holder).first()
    return won


class _Stream(File):  # type: ignore[type-arg]
    """What a storage saves: pieces as they are made."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        super().__init__(None, name)
        self._pieces = pieces

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return self._pieces


class _Try:
    """One holder's work on an export, in its tenant's scope."""

    def __init__(self, export: Export, clock: Clock, page: int) -> None:
        self._export = export
        self._clock = clock
        self._page = page
        self._wanted = Wanted.from_json(export.wanted)
        self._kind = kind_of(export)
        self._folder = folder_of(export.tenant_id, export.pk)
        self._mine: list[str] = []
        self._told_at = clock()
        self._digest = hashlib.sha256()
        self._bytes = 0

    def run(self) -> None:
        last: ExportPart | None = self._parts().last()
        delete_unnamed(self._export)
        if last is None:
            self._expect()
        try:
            if last is None or last.position != DONE:
                self._write(last)
            self._join()
        except OSError:
            self._update(fault=Export.Fault.STORAGE)
            raise

    def clear_away(self) -> None:
        """Delete what this try has written and no row names."""
        named = set(self._parts().values_list("file", flat=True))
        named |= set(Export.objects.filter(pk=self._export.pk).values_list("file", flat=True))
        for name in self._mine:
            if name not in named:
                default_storage.delete(name)

    def _parts(self) -> QuerySet[ExportPart]:
        return ExportPart.objects.filter(export_id=self._export.pk).order_by("number")

    def _expect(self) -> None:
        """How much there is now, for the progress."""
        rows = self._wanted.rows(self._export.asked_at)
        turns = 0
        if self._export.format != ExportFormat.AUDIO:
            turns = Turn.objects.filter(conversation__in=rows).count()
        self._update(conversations_expected=rows.count(), turns_expected=turns)

    # -- Parts -------------------------------------------------------------------------------

    def _write(self, last: ExportPart | None) -> None:
        number = last.number + 1 if last else 1
        limit = settings.EXPORT_PART_BYTES
        for part in parts(self._pieces(last), limit, packs=self._kind.packs):
            self._keep(number, part)
            number += 1

    def _pieces(self, last: ExportPart | None) -> Iterator[Piece]:
        export, position = self._export, last.position if last else None
        rows = self._wanted.rows(export.asked_at)
        if export.format == ExportFormat.AUDIO:
            # NumPy loads as long as all models do, and every process loads this module.
            from conversations.exports.sounds import sounds  # noqa: PLC0415

            return sounds(rows, position, in_tar=self._kind.is_tar)
        form = form_of(export.format, is_redacted=export.is_redacted, is_one=not self._kind.is_tar)
        place = Place.from_json(position) if position else None
        with_events = export.format == ExportFormat.JSONL
        read = entries(rows, place, with_events=with_events, page=self._page)
        return written(form, read, is_new=last is None)

    def _keep(self, number: int, part: Part) -> None:
        """Store a part, then name it. Raises LeaseLost unless the job is still ours."""
        name = f"{self._folder}/{self._export.holder}-{number:06}.part"
        self._mine.append(name)
        name = self._mine[-1] = default_storage.save(name, ContentFile(part.data))
        now = self._clock()
        with transaction.atomic():
            self._update(
                conversations_done=F("conversations_done") + part.conversations,
                turns_done=F("turns_done") + part.turns,
                lease_until=now + LEASE,
                tries=0,
                fault="",
            )
            ExportPart.objects.create(
                export=self._export,
                number=number,
                file=name,
                bytes=len(part.data),
                sha256=part.sha256,
                position=part.position,
                conversations=part.conversations,
                turns=part.turns,
            )
        self._mine.pop()

    # -- The whole ---------------------------------------------------------------------------

    def _join(self) -> None:
        name = f"{self._folder}/{self._export.holder}{self._kind.ending}"
        self._mine.append(name)
        try:
            name = self._mine[-1] = default_storage.save(name, _Stream(self._joined(), name))
        except PartBroken as error:
            self._drop_parts(error.number)
            raise OSError("a part of an export was not what it was") from error
        now = self._clock()
        with transaction.atomic():
            self._finish(name, now)
        clear_parts(self._export)

    def _joined(self) -> Iterator[bytes]:
        """The bytes of all parts. Raises PartBroken for one that is not as it was stored."""
        for part in self._parts().iterator():
            digest = hashlib.sha256()
            for piece in read_file(part.file, PartBroken(part.number)):
                digest.update(piece)
                self._digest.update(piece)
                self._bytes += len(piece)
                self._renew()
                yield piece
            if digest.hexdigest() != part.sha256:
                raise PartBroken(part.number)

    def _renew(self) -> None:
        now = self._clock()
        if now - self._told_at >= TELL_EVERY:
            self._told_at = now
            self._update(lease_until=now + LEASE)

    def _drop_parts(self, number: int) -> None:
        """Go back to before a broken part: the next try writes it again."""
        with transaction.atomic():
            self._parts().filter(number__gte=number).delete()
            left = self._parts().aggregate(c=Sum("conversations"), t=Sum("turns"))
            self._update(conversations_done=left["c"] or 0, turns_done=left["t"] or 0)

    def _finish(self, name: str, now: datetime) -> None:
        self._update(
            state=Export.State.READY,
            file=name,
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
            fault="",
            ready_at=now,
            expires_at=now + timedelta(days=self._export.keep_days),
        )
        self._export.refresh_from_db()
        told = {"bytes": self._bytes, "sha256": self._export.sha256}
        told |= {"conversations": self._export.conversations_done}
        record("export.made", self._export, actor=SYSTEM, after=told)
        announce_all([export_ready(self._export)])

    def _update(self, **values: object) -> None:
        """Raises LeaseLost unless the job is still ours."""
        mine = Export.objects.filter(pk=self._export.pk, holder=self._export.holder)
        if not mine.filter(state=Export.State.RUNNING).update(**values):
            raise LeaseLost


def read_file(name: str, gone: Exception) -> Iterator[bytes]:
    """The bytes of a stored file, some at a time. Raises `gone` if it is not there."""
    try:
        file = default_storage.open(name)
    except FileNotFoundError:
        raise gone from None
    with file:
        while piece := file.read(JOINED_AT_ONCE):
            yield piece


# -- Deleting --------------------------------------------------------------------------------


def delete_unnamed(export: Export) -> None:
    """Delete the files of tries that came to nothing."""
    parts_of = ExportPart.objects.filter(export_id=export.pk)
    named = {export.file, *parts_of.values_list("file", flat=True)}
    for name in files_below(folder_of(export.tenant_id, export.pk)):
        if name not in named:
            default_storage.delete(name)


def clear_parts(export: Export) -> None:
    """Delete the parts of an export that is whole, or will never be: rows first, then whatever
    lies there and is not the file. Killed in between, the sweeper does the rest."""
    ExportPart.objects.filter(export_id=export.pk).delete()
    delete_unnamed(export)
