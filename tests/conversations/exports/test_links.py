import hashlib
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage
from django.core.signals import request_finished
from django.db import close_old_connections
from django.utils import timezone

from accounts.callers import Caller
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tenancy import tenant_scope
from conversations.exports.links import (
    DOWNLOADED,
    TERM,
    BadLink,
    FileGone,
    check_key,
    download,
    expires_at,
    key_of,
)
from conversations.models import Export
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import made, raw, talk_a_lot

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(cast: Cast, clock: Clock) -> Export:
    talk_a_lot(cast.acme, 5)
    return made(cast.acme.tenant, clock)


@pytest.fixture
def caller(cast: Cast) -> Caller:
    return Caller(cast.acme.tenant.pk, user_id=cast.acme.owner.pk, role=Role.OWNER)


def downloads(export: Export) -> int:
    with tenant_scope(export.tenant_id):
        return AuditEntry.objects.filter(action=DOWNLOADED, object_id=str(export.pk)).count()


def fetched(export: Export, caller: Caller, ranges: str = "", if_range: str = "") -> Any:
    with tenant_scope(export.tenant_id):
        return download(export, caller, ranges=ranges, if_range=if_range)


def end(answer: Any) -> None:
    """Close its file, and not the test's connection."""
    request_finished.disconnect(close_old_connections)
    answer.close()
    request_finished.connect(close_old_connections)


@async_to_sync
async def body(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer])


def test_a_link_is_one_callers_for_one_file_and_for_a_while(
    cast: Cast, export: Export, caller: Caller
) -> None:
    now = timezone.now()
    key = key_of(export, caller, now)
    check_key(export, caller, key, now)
    check_key(export, caller, key, now + TERM - timedelta(seconds=2))
    someone = Caller(cast.acme.tenant.pk, user_id=cast.acme.admin.pk, role=Role.ADMIN)
    program = Caller(cast.acme.tenant.pk, api_key_id=cast.acme.owner.pk)
    other = Export(tenant_id=export.tenant_id)
    until, _, signature = key.partition("-")
    longer = f"{int(until) + 60}-{signature}"
    for wrong in (
        (export, caller, key, expires_at(now)),
        (export, someone, key, now),
        (export, program, key, now),
        (other, caller, key, now),
        (export, caller, longer, now),
        *((export, caller, text, now) for text in ("", "-", key[:-1], f"{until}-", "²-x", "9")),
    ):
        with pytest.raises(BadLink):
            check_key(*wrong)


def test_the_whole_file(export: Export, caller: Caller) -> None:
    answer = fetched(export, caller)
    assert answer.status_code == 200
    assert hashlib.sha256(body(answer)).hexdigest() == export.sha256
    assert answer["Content-Length"] == str(export.bytes)
    assert answer["Content-Type"] == "application/gzip"
    assert answer["ETag"] == f'"{export.sha256}"'
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Disposition"].startswith('attachment; filename="conversations-20')
    assert answer["Content-Disposition"].endswith('.jsonl.gz"')
    end(answer)


def test_ranges(export: Export, caller: Caller) -> None:
    """Whoever was cut off gets the rest, and only of the same file."""
    data = raw(export)
    for ranges, start, stop in (
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, len(data)),
        ("bytes=-5", len(data) - 5, len(data)),
    ):
        answer = fetched(export, caller, ranges, f'"{export.sha256}"')
        assert (answer.status_code, body(answer)) == (206, data[start:stop])
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{len(data)}"
        assert answer["Content-Length"] == str(stop - start)
        end(answer)
    behind = fetched(export, caller, f"bytes={len(data)}-")
    assert (behind.status_code, behind["Content-Range"]) == (416, f"bytes */{len(data)}")
    changed = fetched(export, caller, "bytes=0-9", '"another"')
    assert (changed.status_code, body(changed)) == (200, data)
    end(changed)


def test_each_download_is_noted_and_its_ranges_once(export: Export, caller: Caller) -> None:
    for start in (5, 10, 15):
        end(fetched(export, caller, f"bytes={start}-{start + 4}"))
    assert downloads(export) == 1
    for _ in range(2):
        end(fetched(export, caller))
    assert downloads(export) == 3


def test_what_is_not_there_is_gone(export: Export, caller: Caller) -> None:
    default_storage.delete(export.file)
    with pytest.raises(FileGone):
        fetched(export, caller)
    export.state = Export.State.EXPIRED
    with pytest.raises(FileGone):
        fetched(export, caller)
    assert downloads(export) == 0
