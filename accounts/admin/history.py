"""What became of one row: its audit entries, with the names of those who acted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import InvalidPage
from django.db.models import Model
from django.http import Http404

from accounts.models import AuditEntry, Membership, User
from accounts.pagination import UncountedPage, UncountedPaginator
from accounts.tenancy import PlatformScope, current_scope

PER_PAGE = 50
NOBODY = "—"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one entry; a value that was not there is a dash."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Step:
    """One audit entry as people read it."""

    at: datetime
    who: str
    action: str
    changes: list[Change]
    reason: str


def history_of(obj: Model, number: str) -> UncountedPage:
    """A page of the Steps of one row, the newest first. Raises Http404 for a page that is none."""
    entries = AuditEntry.objects.filter(
        object_type=obj._meta.label_lower, object_id=str(obj.pk)
    ).order_by("-id")
    try:
        page = UncountedPaginator(entries, PER_PAGE).page(number)
    except InvalidPage:
        raise Http404 from None
    names = names_of({entry.actor for entry in page.object_list})
    page.object_list = [_step(entry, names) for entry in page.object_list]
    return page


def names_of(actors: set[str]) -> dict[str, str]:
    """Names for `AuditEntry.actor`, in one query.

    People of a tenant read the names of their own people; who else acted is "the platform's
    operator" to them.
    """
    ids = {actor: UUID(actor[5:]) for actor in actors if actor.startswith("user:")}
    users = User.objects.filter(pk__in=ids.values())
    if not isinstance(current_scope(), PlatformScope):
        users = users.filter(pk__in=list(Membership.objects.values_list("user_id", flat=True)))
    known = {user.pk: str(user) for user in users}
    return {actor: known.get(pk, "the platform's operator") for actor, pk in ids.items()}


def _step(entry: AuditEntry, names: dict[str, str]) -> Step:
    before, after = entry.before or {}, entry.after or {}
    changes = [
        Change(name, _shown(before, name), _shown(after, name)) for name in {**before, **after}
    ]
    who = names.get(entry.actor, entry.actor)
    return Step(entry.at, who, entry.action, changes, entry.reason)


def _shown(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return NOBODY if value in (None, "") else str(value)
