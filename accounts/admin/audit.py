"""The audit table, to read."""

from django.contrib import admin

from accounts.admin.base import TenantAdmin
from accounts.models import AuditEntry
from accounts.roles import Permission


@admin.register(AuditEntry)
class AuditEntryAdmin(TenantAdmin):
    seen_with = Permission.READ_AUDIT
    addable = changeable = deletable = False
    list_display = ("at", "tenant", "actor", "action", "object_type", "object_id")
    list_filter = (("at", admin.DateFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("=actor", "=action", "=object_id")
    search_help_text = "An actor, an action or an object's id, whole"
    ordering = ("-id",)
    fields = (
        "at",
        "tenant",
        "actor",
        "action",
        "object_type",
        "object_id",
        "reason",
        "ip",
        "user_agent",
        "request_id",
        "before",
        "after",
    )
    readonly_fields = fields
