"""The workers of the platform, for its operators: who hosts how much, and who shall stop."""

from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin as UnfoldModelAdmin

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of, is_operator
from accounts.audit import record
from accounts.confirmation import counted
from conversations import bus as b
from conversations.models import Lease, WorkerProcess


@admin.register(WorkerProcess)
class WorkerAdmin(TenantAdmin):
    addable = changeable = deletable = False  # they come and go by themselves
    kept = operator_only = ()
    form = UnfoldModelAdmin.form
    list_display = (
        "name",
        "address",
        "state",
        "sessions",
        "capacity",
        "load",
        "lag",
        "seen_at",
        "started_at",
    )
    search_fields = ("name", "address")
    ordering = ("name",)
    fields = readonly_fields = list_display
    actions = ("drain", "take_on")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the actions below."""
        return is_operator(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkerProcess]:
        rows: QuerySet[WorkerProcess] = super().get_queryset(request)
        living = rows.filter(pk__in=WorkerProcess.objects.living().values("pk"))
        return with_sessions(living)

    @admin.display(description="sessions", ordering="held")
    def sessions(self, worker: Any) -> int:
        return int(worker.held)

    @admin.display(description="load")
    def load(self, worker: Any) -> str:
        return f"{round(100 * worker.held / max(1, worker.capacity))} %"

    @admin.display(description="lag", ordering="lag_ms")
    def lag(self, worker: Any) -> str:
        return f"{worker.lag_ms} ms"

    @admin.display(description="state")
    def state(self, worker: Any) -> str:
        return state_of(worker)

    @admin.action(description="Drain…", permissions=["operate"])
    def drain(self, request: HttpRequest, queryset: QuerySet[WorkerProcess]) -> HttpResponse | None:
        workers = list(queryset.filter(drain_asked_at=None))
        asked = self.ask_first(
            request, workers, question="Drain these workers?", effects=effects_of_drain(workers)
        )
        if asked is None:
            self._ask_of(request, workers, "drain-asked", Now())
            self.message_user(request, f"Draining: {len(workers)}.", messages.SUCCESS)
        return asked

    @admin.action(description="Take on again…", permissions=["operate"])
    def take_on(
        self, request: HttpRequest, queryset: QuerySet[WorkerProcess]
    ) -> HttpResponse | None:
        workers = list(queryset.exclude(drain_asked_at=None))
        asked = self.ask_first(
            request,
            workers,
            question="Let these workers take conversations on again?",
            effects=["They take part from the next second on."],
        )
        if asked is None:
            self._ask_of(request, workers, "drain-taken-back", None)
            self.message_user(request, f"Taking on again: {len(workers)}.", messages.SUCCESS)
        return asked

    def _ask_of(
        self, request: HttpRequest, workers: list[WorkerProcess], action: str, at: Any
    ) -> None:
        with transaction.atomic():
            for worker in workers:
                WorkerProcess.objects.filter(pk=worker.pk).update(drain_asked_at=at)
                record(f"worker.{action}", worker, actor=actor_of(request))
        for worker in workers:
            transaction.on_commit(partial(tell, worker.name), robust=True)


def tell(worker: str) -> None:
    """Let the worker look at once, and not with its next report."""
    async_to_sync(b.Bus().publish)(b.WORKERS, b.Asked(worker))


def with_sessions(workers: QuerySet[WorkerProcess]) -> QuerySet[Any]:
    """Each with `held`: how many conversations it hosts now. Needs the platform scope."""
    leases = Lease.objects.filter(worker=OuterRef("pk"), expires_at__gt=timezone.now())
    held = leases.order_by().values("worker").annotate(held=Count("id")).values("held")
    return workers.annotate(held=Coalesce(Subquery(held), 0))


def state_of(worker: Any) -> str:
    """A word for the list: what the worker does with new conversations."""
    if worker.drain_asked_at is None:
        if worker.has_room is None:
            return f"Leaving, {worker.held} left"
        if worker.has_room:
            return "Takes on"
        return "Full" if worker.held >= worker.capacity else "Late: takes nothing new"
    return "Drained" if worker.is_drained else f"Draining, {worker.held} left"


def effects_of_drain(workers: list[Any]) -> list[str]:
    """What happens to what they host, and whether anybody is there to take it."""
    held = sum(worker.held for worker in workers)
    chosen = [worker.pk for worker in workers]
    others = WorkerProcess.objects.living().filter(drain_asked_at=None).exclude(pk__in=chosen)
    left = others.count()
    moved = f"{counted(held, 'live conversation')} moved to other workers at the next pause."
    room = (
        f"{counted(left, 'other worker')} can take them."
        if left
        else "No other worker is there: conversations wait until one starts."
    )
    return [moved, room, "They take nothing new until they are told to, or started again."]
