"""Links to an export's file: each is for one caller, and for a quarter of an hour.

A link is no key: whoever follows it is logged in, or sends an API key, and may still export. It
stands in addresses, and so in other people's logs, where it is of use to nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.core.files.storage import default_storage
from django.core.signing import Signer
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import AuditEntry
from conversations.exports.files import download_name, kind_of
from conversations.models import Export
from conversations.recordings.serving import Unsatisfiable, asked_range

TERM: Final = timedelta(minutes=15)
PIECE: Final = 256 * 1024
DOWNLOADED: Final = "export.downloaded"
DOWNLOADING_IS_ONE: Final = timedelta(hours=1)
_SIGNER: Final = Signer(salt="conversations.exports.links")


class BadLink(Exception):
    """The link is too old, or for somebody or something else."""


class FileGone(Exception):
    """There is no file: it is not ready, has had its time, or was lost."""


def key_of(export: Export, caller: Caller, now: datetime) -> str:
    """What makes a link to the file good for a caller until `expires_at(now)`."""
    until = int(expires_at(now).timestamp())
    return f"{until}-{_SIGNER.signature(_what(export, caller, until))}"


def check_key(export: Export, caller: Caller, key: str, now: datetime) -> None:
    """Raises BadLink unless the key was given to this caller, for this file, lately."""
    until, _, signature = key.partition("-")
    if not (until.isdecimal() and until.isascii()) or int(until) <= now.timestamp():
        raise BadLink
    if not constant_time_compare(signature, _SIGNER.signature(_what(export, caller, int(until)))):
        raise BadLink


def expires_at(now: datetime) -> datetime:
    """When a link that is made now stops to work."""
    return now + TERM


def _what(export: Export, caller: Caller, until: int) -> str:
    return f"{export.pk}.{caller.actor}.{until}"


def download(export: Export, caller: Caller, *, ranges: str, if_range: str) -> HttpResponseBase:
    """The file, or the range of it that is asked for. Beginning it is noted. Raises FileGone."""
    if not _is_whole(export):
        raise FileGone
    tag = f'"{export.sha256}"'
    try:
        # A range of another file than ours is of no use.
        wanted = asked_range(ranges, export.bytes, most=None) if if_range in {"", tag} else None
    except Unsatisfiable:
        refused = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refused["Content-Range"] = f"bytes */{export.bytes}"
        return refused
    start, stop = wanted or (0, export.bytes)
    _note(export, caller, is_whole=wanted is None)
    answer = StreamingHttpResponse(
        _Pieces(export.file, start, stop), content_type=kind_of(export).media_type
    )
    if wanted:
        answer.status_code = HTTPStatus.PARTIAL_CONTENT
        answer["Content-Range"] = f"bytes {start}-{stop - 1}/{export.bytes}"
    answer["Content-Length"] = str(stop - start)
    answer["Content-Disposition"] = f'attachment; filename="{download_name(export)}"'
    answer["Accept-Ranges"] = "bytes"
    answer["ETag"] = tag
    answer["Cache-Control"] = "private, no-store"
    return answer


def _note(export: Export, caller: Caller, *, is_whole: bool) -> None:
    """Note who downloads it: once, though a program may ask for one range after another."""
    subject = {"object_type": export._meta.label_lower, "object_id": str(export.pk)}
    lately = AuditEntry.objects.filter(**subject, at__gt=timezone.now() - DOWNLOADING_IS_ONE)
    if is_whole or not lately.filter(action=DOWNLOADED, actor=caller.actor).exists():
        record(DOWNLOADED, export, actor=caller.actor)


def _is_whole(export: Export) -> bool:
    if export.state != Export.State.READY or not default_storage.exists(export.file):
        return False
    return default_storage.size(export.file) == export.bytes


class _Pieces:
    """A stored file, read piece by piece beside the event loop. Django closes it, also when the
    reader has gone away."""

    def __init__(self, name: str, start: int, stop: int) -> None:
        self._file = default_storage.open(name)
        self._file.seek(start)
        self._left = stop - start

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(self._file.read, min(PIECE, self._left)):
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()
