"""Organisations that leave or have left: operators see the reports, and take a leaving back."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of, is_operator
from accounts.leaving.departures import DepartureRefused, take_back
from accounts.leaving.report import KEPT, lines_of
from accounts.models import Departure


@admin.register(Departure)
class DepartureAdmin(TenantAdmin):
    addable = deletable = changeable = False
    kept = ()
    operator_only = ()
    list_display = ("name", "slug", "state", "asked_at", "erase_after", "finished_at")
    list_filter = ("state",)
    search_fields = ("name", "slug", "tenant_id")
    fields = (
        "name",
        "slug",
        "tenant_id",
        "state",
        "asked_by",
        "asked_at",
        "erase_after",
        "taken_back_by",
        "taken_back_at",
        "started_at",
        "finished_at",
        "rows_deleted",
        "deleted",
        "final_seal_number",
        "final_seal",
        "what_is_kept",
    )
    readonly_fields = fields
    actions = ("take_back",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Asked by Django for the action below."""
        return is_operator(request)

    @admin.display(description="rows deleted, by table")
    def deleted(self, obj: Departure) -> str:
        rows = ((f"{line.count:,}", line.table) for line in lines_of(obj))
        return format_html_join("", "<div>{} {}</div>", rows) or "—"

    @admin.display(description="what is kept, and why")
    def what_is_kept(self, obj: Departure) -> str:
        return format_html_join("", "<div>{}</div>", ((what,) for what in KEPT))

    @admin.action(description="Take back…", permissions=["operate"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Departure]) -> HttpResponse | None:
        departures = list(queryset.filter(state=Departure.State.LEAVING))
        asked: HttpResponse | None = self.ask_first(
            request,
            departures,
            question="Let these organisations stay?",
            effects=["Their people and API keys are let in again. Nothing was deleted yet."],
        )
        if asked is None:
            for departure in departures:
                self._take_back(request, departure)
        return asked

    def _take_back(self, request: HttpRequest, departure: Departure) -> None:
        try:
            take_back(departure.tenant_id, actor_of(request), timezone.now())
        except DepartureRefused as error:
            self.message_user(request, f"{departure.name}: {error}", messages.ERROR)
        else:
            self.message_user(request, f"{departure.name} stays.", messages.SUCCESS)
