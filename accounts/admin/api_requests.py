"""The log of requests to the API, to read."""

from typing import Any

from django.contrib import admin

from accounts.admin.base import TenantAdmin
from accounts.api.models import ApiRequest
from accounts.roles import Permission


@admin.register(ApiRequest)
class ApiRequestAdmin(TenantAdmin):
    seen_with = Permission.READ_REQUESTS
    addable = changeable = deletable = False
    list_display = ("when", "tenant", "asked", "status", "code", "took", "actor")
    list_filter = (("at", admin.DateFieldListFilter), "method")
    list_select_related = ("tenant",)
    search_fields = ("=request_id", "=actor", "=code", "=route")
    search_help_text = "A request's id, who made it, a code or a route, whole"
    ordering = ("-id",)
    fields = ("request_id", "when", "tenant", "actor", "asked", "status", "code", "took")
    readonly_fields = fields

    @admin.display(description="when", ordering="id")
    def when(self, row: Any) -> str:
        return f"{row.at:%d %b %Y, %H:%M:%S} UTC"

    @admin.display(description="request")
    def asked(self, row: Any) -> str:
        return f"{row.method} {row.route or 'an unknown address'}"

    @admin.display(description="took")
    def took(self, row: Any) -> str:
        return f"{row.duration_ms}\N{NO-BREAK SPACE}ms"
