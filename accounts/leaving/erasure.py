"""Deleting a tenant: table after table in small batches, its people, its files, its audit, itself.

Every batch is a transaction of its own, which counts what it deleted in the departure's row. So
no lock lasts long, what is done stays done when the process is killed, and the report is right
however often it was. Whoever takes the job up again begins with the first table: what is empty
costs one query.

Rows that somebody adds meanwhile, such as a worker that has not heard yet, are met in the next
round: the tenant's own row goes last, and the database does not let it go while a row is left.

The rows are deleted inside the tenant's scope, so no mistake here reaches another tenant. Only
people are looked at from outside: who belongs to another organisation stays.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

from allauth.usersessions.models import UserSession
from celery import shared_task
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.audit.models import AuditEntry, AuditLink, AuditRow, AuditSeal
from accounts.audit.sealing import seal_chain
from accounts.callers import ACTIVE_TENANT
from accounts.leaving.decisions import owned_models
from accounts.leaving.departures import barred
from accounts.leaving.files import delete_folder, folder_of
from accounts.leaving.models import LEASE, Departure
from accounts.leaving.report import post_report
from accounts.models import Membership, Tenant, User
from accounts.roles import Permission, roles_with
from accounts.sessions import end_sessions
from accounts.tenancy import TenantOwned, platform_scope, tenant_scope

logger = logging.getLogger(__name__)

BATCH = 500
ROUNDS = 20
_TIME_LIMIT_S = 24 * 3600
# With the names of the columns that `accounts_erase_audit` returns.
AUDIT: dict[str, type[AuditRow]] = {"entries": AuditEntry, "seals": AuditSeal, "links": AuditLink}

Clock = Callable[[], datetime]


class LeaseLost(Exception):
    """Somebody else works on the job now."""


class NotEmpty(Exception):
    """In every round somebody had added rows of the tenant."""


@shared_task(time_limit=_TIME_LIMIT_S)
def erase_tenant(departure_id: str) -> None:
    """Delete the tenant of a departure whose grace time is over, or post its report."""
    erase(UUID(departure_id), clock=timezone.now)


@shared_task
def sweep_departures(now: datetime | None = None) -> None:
    """Send for the departures that are due, and for those that nobody works on any more."""
    now = now or timezone.now()
    due = Q(state=Departure.State.LEAVING, erase_after__lte=now)
    left_lying = Q(state=Departure.State.ERASING, lease_until__lte=now)
    unreported = Q(state=Departure.State.ERASED, is_reported=False)
    for departure in Departure.objects.filter(due | left_lying | unreported):
        erase_tenant.delay(str(departure.pk))


def erase(departure_id: UUID, *, clock: Clock, batch: int = BATCH) -> bool:
    """Delete a tenant. Returns False if it was not ours to delete, or is not any more.

    Raises NotEmpty, which the next try may not.
    """
    departure = claim(departure_id, clock())
    if departure is not None:
        try:
            _Erasure(departure, clock, batch).run()
        except LeaseLost:
            logger.info("departure %s is worked on by somebody else", departure.pk)
            return False
    for done in Departure.objects.filter(
        pk=departure_id, state=Departure.State.ERASED, is_reported=False
    ):
        post_report(done)
    return departure is not None


def claim(departure_id: UUID, now: datetime) -> Departure | None:
    """Take the job if it is due and nobody has it. With it the tenant becomes ERASING."""
    holder = uuid4()
    with platform_scope("take the job of deleting a tenant"), transaction.atomic():
        departure = Departure.objects.filter(pk=departure_id).first()
        leaving = Tenant.objects.filter(state__in=(Tenant.State.LEAVING, Tenant.State.ERASING))
        tenants = leaving.select_for_update()
        tenant = tenants.filter(pk=departure.tenant_id).first() if departure else None
        if tenant is None:
            return None
        if tenant.state == Tenant.State.LEAVING and (why := barred(tenant.pk)):
            logger.warning("departure %s waits: %s", departure_id, why)
            return None
        due = Q(state=Departure.State.LEAVING, erase_after__lte=now)
        left_lying = Q(state=Departure.State.ERASING, lease_until__lte=now)
        free = Departure.objects.filter(due | left_lying, pk=departure_id)
        if not free.update(holder=holder, lease_until=now + LEASE):
            return None
        departure = Departure.objects.get(pk=departure_id)
        if departure.state == Departure.State.LEAVING:
            _begin(departure, tenant, now)
    return departure


def _begin(departure: Departure, tenant: Tenant, now: datetime) -> None:
    departure.state, departure.started_at = Departure.State.ERASING, now
    departure.report_to = _owners(tenant)
    departure.save(update_fields=["state", "started_at", "report_to"])
    tenant.state = Tenant.State.ERASING
    tenant.save(update_fields=["state"])
    after = {"departure": str(departure.pk), "tenant": str(tenant.pk)}
    record("departure.erasing", departure, actor=SYSTEM, after=after)


def _owners(tenant: Tenant) -> list[str]:
    rows = Membership.objects.filter(
        tenant=tenant,
        state=Membership.State.ACTIVE,
        role__in=roles_with(Permission.LEAVE),
        user__is_active=True,
    )
    return list(rows.order_by("user__email").values_list("user__email", flat=True))


class _Erasure:
    """One holder's work on a departure."""

    def __init__(self, departure: Departure, clock: Clock, batch: int) -> None:
        self._departure = departure
        self._tenant_id = departure.tenant_id
        self._clock = clock
        self._batch = batch

    def run(self) -> None:
        self._seal()
        for _ in range(ROUNDS):
            with tenant_scope(self._tenant_id):
                self._delete_all()
            if self._delete_tenant():
                return
        raise NotEmpty

    def _seal(self) -> None:
        """Seal what waits, and keep the last seal's hash: it stands for the whole chain. Once:
        the audit may be half gone when the job is taken up again."""
        if self._departure.final_seal:
            return
        seal_chain(self._tenant_id, self._clock())
        with tenant_scope(self._tenant_id):
            last = AuditSeal.objects.order_by("-number").first()
        if last is not None:
            self._keep(final_seal=last.hash, final_seal_number=last.number)

    def _delete_all(self) -> None:
        # People last: they are the owners of what is deleted before, and of sessions.
        special = {Membership, *AUDIT.values()}
        for model in owned_models():
            if model not in special:
                self._repeat(partial(self._delete_rows, model))
        self._repeat(self._let_a_person_go)
        self._delete_files()
        self._repeat(self._delete_audit)

    def _repeat(self, step: Callable[[], dict[str, int]]) -> None:
        """Do a step, each time in a transaction of its own, until it finds nothing."""
        while True:
            with transaction.atomic():
                deleted = step()
                if not deleted:
                    return
                self._count(deleted)

    def _delete_rows(self, model: type[TenantOwned]) -> dict[str, int]:
        ids = list(model.objects.order_by("pk").values_list("pk", flat=True)[: self._batch])
        deleted = model.objects.filter(pk__in=ids).delete()[1] if ids else {}
        return {label.lower(): count for label, count in deleted.items() if count}

    def _let_a_person_go(self) -> dict[str, int]:
        membership = Membership.objects.order_by("pk").first()
        if membership is None:
            return {}
        return let_go(membership)

    def _delete_files(self) -> None:
        count = delete_folder(folder_of(self._tenant_id))
        if count:
            self._count({"files": count})

    def _delete_audit(self) -> dict[str, int]:
        deleted = _DELETE_AUDIT[connection.vendor](self._tenant_id, self._batch)
        return {AUDIT[name]._meta.label_lower: count for name, count in deleted.items() if count}

    def _delete_tenant(self) -> bool:
        """The tenant's own row, and with it the job. False if rows of it have come meanwhile."""
        now = self._clock()
        try:
            with platform_scope("delete a tenant"), transaction.atomic():
                Tenant.objects.get(pk=self._tenant_id).delete()
                self._count({Tenant._meta.label_lower: 1})
                self._keep(state=Departure.State.ERASED, finished_at=now)
                self._record_end()
        except (ProtectedError, IntegrityError):
            logger.info("rows of tenant %s have come while it was deleted", self._tenant_id)
            return False
        return True

    def _record_end(self) -> None:
        departure = self._departure
        after = {
            "tenant": str(departure.tenant_id),
            "asked_by": departure.asked_by,
            "asked_at": str(departure.asked_at),
            "counts": departure.counts,
            "final_seal": [departure.final_seal_number, departure.final_seal],
        }
        record("departure.erased", departure, actor=SYSTEM, after=after)

    def _count(self, deleted: dict[str, int]) -> None:
        counts = dict(self._departure.counts)
        for label, count in deleted.items():
            counts[label] = counts.get(label, 0) + count
        self._keep(counts=counts, lease_until=self._clock() + LEASE)

    def _keep(self, **fields: Any) -> None:
        """Store facts of the job. Raises LeaseLost unless it is still ours."""
        mine = Departure.objects.filter(pk=self._departure.pk, holder=self._departure.holder)
        if not mine.filter(state=Departure.State.ERASING).update(**fields):
            raise LeaseLost
        for name, value in fields.items():
            setattr(self._departure, name, value)


def let_go(membership: Membership) -> dict[str, int]:
    """Delete a membership, and the person's account unless she is somewhere else too, in one
    transaction. Returns how many rows went, by table."""
    # Locked, nobody makes her a member of another organisation meanwhile.
    with platform_scope("delete people who are in no other organisation"):
        user = User.objects.select_for_update().get(pk=membership.user_id)
        membership.delete()
        if user.is_staff or user.is_superuser or Membership.objects.filter(user=user).exists():
            forget_choice(user, membership.tenant_id)
            return {Membership._meta.label_lower: 1}
        end_sessions(user)
        user.delete()
    return {Membership._meta.label_lower: 1, User._meta.label_lower: 1}


def forget_choice(user: User, tenant_id: UUID) -> None:
    """Let no session of the person name the tenant as the one she works in."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for row in UserSession.objects.filter(user=user):
        session = store(session_key=row.session_key)
        if session.get(ACTIVE_TENANT) == str(tenant_id):
            del session[ACTIVE_TENANT]
            session.save()


def _delete_audit_postgresql(tenant_id: UUID, batch: int) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entries, seals, links FROM accounts_erase_audit(%s, %s)", [tenant_id, batch]
        )
        return dict(zip(("entries", "seals", "links"), cursor.fetchone(), strict=True))


def _delete_audit_sqlite(tenant_id: UUID, batch: int) -> dict[str, int]:
    counts = {}
    with connection.cursor() as cursor:
        for name, model in AUDIT.items():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(
                f"DELETE FROM {table} WHERE id IN "  # noqa: S608 - a table of ours
                f"(SELECT id FROM {table} WHERE tenant_id = %s LIMIT %s)",
                [tenant_id.hex, batch],
            )
            counts[name] = cursor.rowcount
    return counts


_DELETE_AUDIT = {"postgresql": _delete_audit_postgresql, "sqlite": _delete_audit_sqlite}
