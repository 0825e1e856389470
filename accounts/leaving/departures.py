"""Leaving for good: an owner asks for it, and until the grace time is over it can be taken back.

Meanwhile the tenant is `leaving`: its conversations end, its API keys refuse, and nobody but its
owners gets in, who may only look, take everything along, and take it back.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.audit import record
from accounts.leaving.decisions import Taken, decision_on, owned_models
from accounts.leaving.files import files_below, folder_of
from accounts.leaving.models import Departure
from accounts.letters import write_to_staff
from accounts.models import Tenant, User
from accounts.roles import Permission
from accounts.tenancy import tenant_scope


# DepartureRefused
# ├── NotNow     the organisation is not in the state for it
# ├── Barred     something of it must not be deleted now
# └── TooLate    it is being deleted
class DepartureRefused(Exception):
    """Nothing was changed. The text says why."""


class NotNow(DepartureRefused):
    def __init__(self) -> None:
        super().__init__("The organisation is leaving already, or is suspended. Look again.")


class Barred(DepartureRefused):
    pass


class TooLate(DepartureRefused):
    def __init__(self) -> None:
        super().__init__("The organisation is being deleted: this cannot be taken back any more.")


# What says why an organisation may not be deleted now; "" if it may.
Bar = Callable[[UUID], str]
_bars: list[Bar] = []


def bar_leaving(bar: Bar) -> Bar:
    """Decorator: ask this too before an organisation is deleted. Apps above know more reasons."""
    _bars.append(bar)
    return bar


def barred(tenant_id: UUID) -> str:
    """The first reason against the deletion; "" if there is none. Needs a scope of the tenant."""
    return next(filter(None, (bar(tenant_id) for bar in _bars)), "")


def effects(tenant: Tenant) -> list[str]:
    """What deleting the tenant deletes, as "12 conversations". In the tenant's scope."""
    nouns = ((model, decision_on(model)) for model in reversed(owned_models()))
    counted = [
        _counted(model.objects.count(), decision.noun)
        for model, decision in nouns
        if isinstance(decision, Taken) and decision.noun
    ]
    files = sum(1 for _ in files_below(folder_of(tenant.pk)))
    return [*counted, _counted(files, ("stored file", "stored files"))]


def _counted(count: int, noun: tuple[str, str]) -> str:
    return f"{count:,} {noun[count != 1]}"


def ask_to_leave(tenant_id: UUID, actor: str, now: datetime) -> Departure:
    """Begin the grace time. Raises NotNow unless the tenant is active, Barred if something of it
    must stay."""
    with tenant_scope(tenant_id), transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant_id)
        if not tenant.is_active:
            raise NotNow
        if why := barred(tenant_id):
            raise Barred(why)
        departure = Departure.objects.create(
            tenant_id=tenant.pk,
            slug=tenant.slug,
            name=tenant.name,
            asked_by=actor,
            asked_at=now,
            erase_after=now + timedelta(days=settings.LEAVE_GRACE_DAYS),
        )
        _move(tenant, Tenant.State.LEAVING)
        after = {"state": str(Tenant.State.LEAVING), "erase_after": str(departure.erase_after)}
        record("tenant.leaving", tenant, actor=actor, after=after)
        context = {"departure": departure, "person": name_of_actor(actor)}
        write_to_staff(tenant.pk, Permission.MANAGE_TENANT, "leaving", context)
    return departure


def take_back(tenant_id: UUID, actor: str, now: datetime) -> Departure:
    """End the grace time: everything is as it was. Raises NotNow if the tenant is not leaving,
    TooLate once it is being deleted."""
    with tenant_scope(tenant_id), transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(pk=tenant_id).first()
        if tenant is None or tenant.state == Tenant.State.ERASING:
            raise TooLate
        departure = open_departure(tenant_id)
        if departure is None or tenant.state != Tenant.State.LEAVING:
            raise NotNow
        departure.state = Departure.State.TAKEN_BACK
        departure.taken_back_by, departure.taken_back_at = actor, now
        departure.save(update_fields=["state", "taken_back_by", "taken_back_at"])
        _move(tenant, Tenant.State.ACTIVE)
        record("tenant.leaving-taken-back", tenant, actor=actor)
        context = {"person": name_of_actor(actor)}
        write_to_staff(tenant.pk, Permission.MANAGE_TENANT, "leaving_taken_back", context)
    return departure


def open_departure(tenant_id: UUID) -> Departure | None:
    """The tenant's departure that is neither taken back nor done."""
    return Departure.objects.filter(tenant_id=tenant_id, state__in=Departure.OPEN).first()


def name_of_actor(actor: str) -> str:
    """A person as others know her; the words of the audit for anybody else."""
    kind, _, key = actor.partition(":")
    user = User.objects.filter(pk=key).first() if kind == "user" else None
    return user.get_full_name() if user else actor


def _move(tenant: Tenant, state: Tenant.State) -> None:
    tenant.state = state
    tenant.save(update_fields=["state"])
