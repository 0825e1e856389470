"""Segments become files, and then rows. Runs on the recorder's thread, never on the event loop.

A file is stored first and named by its row after. So a row always has its file; a file whose row
was not written, because the process died in between, is swept later (see `deleting`).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.leaving.files import name_of
from accounts.tenancy import platform_scope
from conversations.models import Conversation, Lease, Recording
from conversations.models.recordings import FOLDER
from conversations.recordings.sound import to_flac
from conversations.recordings.tape import Segment


@dataclass(frozen=True, slots=True)
class Whose:
    """The epoch of a conversation that a segment belongs to."""

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A segment whose sound is in the storage; `file` is empty if it has none."""

    whose: Whose
    segment: Segment
    file: str = ""
    bytes: int = 0
    sha256: str = ""


def store_file(whose: Whose, segment: Segment) -> Stored:
    """Put a segment's sound into the storage. Raises OSError if it did not take it."""
    if not segment.pcm:
        return Stored(whose, segment)
    flac = to_flac(segment.pcm, segment.rate)
    piece = f"{whose.epoch:04}-{segment.number:05}-{segment.side}.flac"
    name = name_of(whose.tenant_id, FOLDER, str(whose.conversation_id), piece)
    name = default_storage.save(name, ContentFile(flac))
    return Stored(whose, segment, name, len(flac), hashlib.sha256(flac).hexdigest())


def store_rows(stored: Sequence[Stored]) -> None:
    """Write the rows in one transaction, and delete the files of workers that have lost their
    leases. Doing it again changes nothing. Raises django.db.Error if none was written."""
    with platform_scope("recordings are stored"), transaction.atomic():
        epochs = held_epochs(stored)
        valid = [one for one in stored if epochs.get(one.whose.conversation_id) == one.whose.epoch]
        Recording.objects.bulk_create([row_of(one) for one in valid], ignore_conflicts=True)
    for one in stored:
        if one not in valid and one.file:
            default_storage.delete(one.file)


def held_epochs(stored: Sequence[Stored]) -> dict[uuid.UUID, int]:
    """Lock the lease rows, in one order for all workers, and read their epochs."""
    ids = {one.whose.conversation_id for one in stored}
    leases = Lease.objects.select_for_update().filter(conversation_id__in=ids)
    return dict(leases.order_by("conversation_id").values_list("conversation_id", "epoch"))


def row_of(stored: Stored) -> Recording:
    whose, segment = stored.whose, stored.segment
    return Recording(
        tenant_id=whose.tenant_id,
        conversation=Conversation(id=whose.conversation_id, tenant_id=whose.tenant_id),
        epoch=whose.epoch,
        side=segment.side,
        segment=segment.number,
        start_ms=segment.start_ms,
        length_ms=segment.length_ms,
        lost_ms=segment.lost_ms,
        rate=segment.rate,
        bytes=stored.bytes,
        sha256=stored.sha256,
        file=stored.file,
    )
