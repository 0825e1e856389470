"""The audit table, to read."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import TenantAdmin
from accounts.models import AuditEntry
from accounts.roles import Permission
from accounts.sessions import browser_name


@admin.register(AuditEntry)
class AuditEntryAdmin(TenantAdmin):
    seen_with = Permission.READ_AUDIT
    addable = changeable = deletable = False
    list_display = (
        "when",
        "tenant",
        "actor",
        "action",
        "object_type",
        "object_id",
        "ip",
        "browser",
        "request_id",
        "seal",
    )
    list_filter = (("at", admin.DateFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("=actor", "=action", "=object_id", "=request_id")
    search_help_text = "An actor, an action, an object's id or a request's, whole"
    ordering = ("-id",)
    fields = (
        "when",
        "tenant",
        "actor",
        "action",
        "object_type",
        "object_id",
        "reason",
        "ip",
        "user_agent",
        "request_id",
        "seal",
        "before",
        "after",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        rows: Any = super().get_queryset(request)
        found: QuerySet[AuditEntry] = rows.with_seals()
        return found

    @admin.display(description="when", ordering="at")
    def when(self, entry: AuditEntry) -> str:
        return f"{entry.at:%d %b %Y, %H:%M:%S} UTC"

    @admin.display(description="browser")
    def browser(self, entry: AuditEntry) -> str:
        return browser_name(entry.user_agent) if entry.user_agent else "—"

    @admin.display(description="seal")
    def seal(self, entry: Any) -> str:
        """The number of the seal that covers it; `manage.py audit verify` proves the chain."""
        return "not sealed yet" if entry.seal_number is None else str(entry.seal_number)
