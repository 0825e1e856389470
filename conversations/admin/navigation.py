"""The side bar of the admin: what this visitor may see, in the order of the work."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from accounts.admin.visitors import caller_of, is_operator
from accounts.models import (
    ApiKey,
    ApiRequest,
    AuditEntry,
    Credential,
    CredentialRotation,
    Departure,
    Membership,
    Tenant,
    User,
)
from conversations.models import (
    AccessToken,
    Agent,
    AgentTool,
    AllowedHost,
    Conversation,
    Erasure,
    Export,
    ExportSchedule,
    LegalHold,
    Price,
    ToolServer,
    UsageDay,
    WebhookDelivery,
    WebhookEndpoint,
    WorkerProcess,
)

# Icons are Material Symbols, which unfold ships.
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, type[Model]], ...]], ...] = (
    (
        "Conversations",
        (
            ("Agents", "support_agent", Agent),
            ("Tools", "construction", AgentTool),
            ("MCP servers", "hub", ToolServer),
            ("Conversations", "forum", Conversation),
            ("Exports", "download", Export),
            ("Export schedules", "event_repeat", ExportSchedule),
        ),
    ),
    (
        "Access",
        (
            ("Credentials", "key", Credential),
            ("Key rotations", "autorenew", CredentialRotation),
            ("API keys", "terminal", ApiKey),
            ("Tokens", "confirmation_number", AccessToken),
            ("API requests", "receipt_long", ApiRequest),
            ("Webhooks", "webhook", WebhookEndpoint),
            ("Deliveries", "outbox", WebhookDelivery),
            ("Allowed hosts", "public", AllowedHost),
            ("Members", "group", Membership),
            ("Users", "person", User),
        ),
    ),
    (
        "Organisation",
        (
            ("Organisation", "domain", Tenant),
            ("Usage", "monitoring", UsageDay),
            ("Data", "database", Erasure),
            ("Legal holds", "gavel", LegalHold),
            ("Prices", "sell", Price),
            ("Audit", "history", AuditEntry),
            ("Departures", "logout", Departure),
            ("Workers", "dns", WorkerProcess),
        ),
    ),
)


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's navigation: groups with their links, without what the visitor may not see."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    found: list[dict[str, Any]] = [{"items": [home]}]
    for title, links in _GROUPS:
        items = [
            {"title": name, "icon": icon, "link": _list_of(model)}
            for name, icon, model in links
            if may_see(request, model)
        ]
        if items:
            found.append({"title": title, "items": items})
    return found


def may_see(request: HttpRequest, model: type[Model]) -> bool:
    """Whether the visitor may open the model's list."""
    return admin.site.get_model_admin(model).has_view_permission(request)


def whose(request: HttpRequest) -> str:
    """What stands below the name: the tenant, or that it is the whole platform."""
    if is_operator(request):
        return "Platform"
    caller = caller_of(request)
    if caller is None:
        return ""
    return Tenant.objects.filter(pk=caller.tenant_id).values_list("name", flat=True).get()


def _list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
