"""What is in an archive: the tenant, its people, each table, its files, and the manifest.

Every member is read as it is written, a page or a piece at a time. The manifest comes last, when
the sizes and sums of all others are known.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.template.loader import render_to_string

from accounts.leaving.decisions import LeftOut, Taken, decision_on, owned_models
from accounts.leaving.files import COPIES, files_below, folder_of
from accounts.leaving.lines import PAGE, as_lines, pages_of
from accounts.leaving.zipped import Member
from accounts.models import Membership, Tenant, User

FORMAT, FORMAT_VERSION = "parley-archive", 1
MANIFEST, README = "manifest.json", "README.txt"
PIECE = 64 * 1024
TENANT_FIELDS = (
    *("id", "slug", "name", "state", "requires_mfa", "allows_recording", "recordings_kept_days"),
    *("text_kept_days", "events_kept_days", "limits", "created_at"),
)
PERSON_FIELDS = ("id", "email", "name", "locale", "created_at")

Pages = Iterator[list[dict[str, Any]]]


@dataclass(slots=True)
class Written:
    """A member of the archive, as the manifest tells of it. `rows` is None for a stored file."""

    name: str
    rows: int | None = None
    bytes: int = 0
    sha256: str = ""
    fields: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """Who had the archive made, and since when."""

    tenant: Tenant
    by: str
    asked_at: datetime
    began_at: datetime


Progress = Callable[[str, int], None]


class Contents:
    """The members of one archive. It needs the tenant's scope, and can be read once.

    Args:
        progress: called with a member's name and the rows it has got anew, after each piece.
        page: rows that are in memory at once.
    """

    def __init__(
        self, made: Made, clock: Callable[[], datetime], *, progress: Progress, page: int = PAGE
    ) -> None:
        self._made = made
        self._clock = clock
        self._progress = progress
        self._page = page
        self._written: list[Written] = []

    def members(self) -> Iterator[Member]:
        yield (
            README,
            [render_to_string("accounts/leaving/archive.txt", asdict(self._made)).encode()],
        )
        yield self._rows("organisation.jsonl", TENANT_FIELDS, self._tenant())
        yield self._rows("people.jsonl", PERSON_FIELDS, self._people())
        for model in owned_models():
            decision = decision_on(model)
            if isinstance(decision, Taken):
                name = f"{model._meta.label_lower}.jsonl"
                pages = pages_of(model, decision.fields, self._page)
                yield self._rows(name, decision.fields, pages, left=decision.left)
        yield from self._files()
        yield MANIFEST, self._manifest()

    def expected_rows(self) -> int:
        """How many rows there are now, for the progress."""
        taken = (each for each in owned_models() if isinstance(decision_on(each), Taken))
        return sum(model.objects.count() for model in taken)

    def _rows(
        self, name: str, fields: Iterable[str], pages: Pages, left: Mapping[str, str] | None = None
    ) -> Member:
        member = Written(name, rows=0, fields=tuple(fields), left_out=left or {})
        return name, self._noted(member, ((as_lines(rows), len(rows)) for rows in pages))

    def _files(self) -> Iterator[Member]:
        folder = folder_of(self._made.tenant.pk)
        for name in files_below(folder):
            inner = name.removeprefix(f"{folder}/")
            if inner.partition("/")[0] not in COPIES:
                member = Written(f"files/{inner}")
                yield member.name, self._noted(member, _pieces(name))

    def _noted(self, member: Written, pieces: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
        """Pass the pieces on, and keep what the manifest says of them."""
        digest = hashlib.sha256()
        for piece, rows in pieces:
            digest.update(piece)
            member.bytes += len(piece)
            if member.rows is not None:
                member.rows += rows
            yield piece
            self._progress(member.name, rows)
        member.sha256 = digest.hexdigest()
        self._written.append(member)

    def _tenant(self) -> Pages:
        yield list(Tenant.objects.filter(pk=self._made.tenant.pk).values(*TENANT_FIELDS))

    def _people(self) -> Pages:
        """Everybody who is or was a member."""
        for rows in pages_of(Membership, ("id", "user_id"), self._page):
            people = User.objects.filter(pk__in=[row["user_id"] for row in rows])
            yield list(people.order_by("pk").values(*PERSON_FIELDS))

    def _manifest(self) -> Iterator[bytes]:
        made = self._made
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "organisation": {"id": made.tenant.pk, "slug": made.tenant.slug},
            "asked_by": made.by,
            "asked_at": made.asked_at,
            "began_at": made.began_at,
            "ended_at": self._clock(),
            "schema": schema_version(),
            "files": [asdict(member) for member in self._written],
            "left_out": dict(_left_out()),
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=1, default=_plain)
        yield f"{text}\n".encode()


def schema_version() -> dict[str, str]:
    """The migration of each app of ours that was applied last."""
    applied = MigrationRecorder(connection).migration_qs.order_by("pk")
    apps = {model._meta.app_label for model in owned_models()}
    names = applied.filter(app__in=apps).values_list("app", "name")
    return dict(names)


def _left_out() -> Iterator[tuple[str, str]]:
    for model in owned_models():
        decision = decision_on(model)
        if isinstance(decision, LeftOut):
            yield model._meta.label_lower, decision.because


def _pieces(name: str) -> Iterator[tuple[bytes, int]]:
    with default_storage.open(name) as file:
        for piece in file.chunks(PIECE):
            yield piece, 0


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
