"""The first page of the admin: what is left to set up, what works, the last thirty days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.admin.visitors import is_operator, may
from accounts.failover.choice import credential_in_use, usable_at
from accounts.models import ApiKey, Credential, Membership
from accounts.roles import Permission
from accounts.tenancy import TenantScope, current_scope
from conversations.admin.charts import Chart
from conversations.admin.platform_view import PlatformView, platform_view
from conversations.admin.spend import cost_charts, minutes_chart, spend_of_month
from conversations.models import Agent, Conversation
from conversations.quotas import Notice, notices
from conversations.states import EndReason
from conversations.usage.periods import DAY, day_of, start_of
from conversations.usage.report import Line, by_day

DAYS = 30
# Ends that nobody wished for; the others are a person's, a limit's or the staff's.
BAD_ENDS = (
    EndReason.CREDENTIAL_PROBLEM,
    EndReason.UPSTREAM_UNAVAILABLE,
    EndReason.CAPACITY_FULL,
    EndReason.NETWORK_LOST,
    EndReason.BUDGET_EXHAUSTED,
)


@dataclass(frozen=True, slots=True)
class Task:
    """One step of setting up: `done`, and where to do it; no link for who may not."""

    title: str
    text: str
    done: bool
    link: str


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of the primary credential: `mark` is `ok`, `warn` or `bad`."""

    mark: str
    word: str
    text: str
    link: str


def with_home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's callback: the context of the home page."""
    now = timezone.now()
    if is_operator(request):
        view: PlatformView | None = platform_view()
        tasks: list[Task] = []
        health = None
    else:
        view = None
        tasks = list(_tasks(request, now))
        health = health_for(request, now)
    return context | {
        "tasks": tasks,
        "left": sum(not task.done for task in tasks),
        "health": health,
        "budget_notices": budget_notices(request, now),
        "charts": charts_for(request, now),
        "days": DAYS,
        "spend": spend_of_month(now) if may(request, Permission.READ_USAGE) else None,
        "platform": view,
    }


# -- Setting up ------------------------------------------------------------------------------


def _tasks(request: HttpRequest, now: datetime) -> Iterator[Task]:
    """The five steps from nothing to a first conversation, as far as the tenant has come."""
    untried = (Credential.State.PENDING, Credential.State.VERIFYING)
    works = Credential.objects.filter(usable_at(now)).exclude(state__in=untried).exists()
    yield Task(
        "Add a credential",
        "A key file of a Google service account, or an API key.",
        works,
        _link(request, Permission.MANAGE_CREDENTIALS, _credential_page()),
    )
    agents = Agent.objects.exists()
    yield Task(
        "Make an agent",
        "Whom people talk to: a prompt, a model and a voice.",
        agents,
        _link(request, Permission.MANAGE_AGENTS, _page("conversations_agent", added=agents)),
    )
    keys = ApiKey.objects.filter(revoked_at=None).exists()
    yield Task(
        "Make an API key",
        "For programs of yours. Talking in the browser needs none.",
        keys,
        _link(request, Permission.MANAGE_API_KEYS, _page("accounts_apikey", added=keys)),
    )
    yield Task(
        "Make a test call",
        "Talk to your agent for a minute.",
        Conversation.objects.exists(),
        reverse("lobby"),
    )
    yield Task(
        "Invite your people",
        "Each with a role: what it allows is told beside it.",
        Membership.objects.filter(state=Membership.State.ACTIVE)[:2].count() > 1,
        _link(request, Permission.MANAGE_MEMBERS, reverse("members")),
    )


def _link(request: HttpRequest, permission: Permission, address: str) -> str:
    return address if may(request, permission) else ""


def _page(name: str, *, added: bool) -> str:
    return reverse(f"admin:{name}_{'changelist' if added else 'add'}")


def _credential_page() -> str:
    primary = Credential.objects.filter(is_primary=True).values_list("pk", flat=True).first()
    if primary is not None:
        return reverse("admin:accounts_credential_change", args=(primary,))
    return _page("accounts_credential", added=Credential.objects.exists())


# -- Health ----------------------------------------------------------------------------------

_MARKS = {
    Credential.State.ACTIVE: "ok",
    Credential.State.RETIRING: "warn",
    Credential.State.PENDING: "warn",
    Credential.State.VERIFYING: "warn",
}


def health_for(request: HttpRequest, now: datetime) -> Health:
    """How the credential is that conversations begin on."""
    credential = credential_in_use(now)
    if credential is None:
        link = _link(request, Permission.MANAGE_CREDENTIALS, _credential_page())
        text = "No conversation can start before there is one."
        return Health("bad", "No credential", text, link)
    address = reverse("admin:accounts_credential_change", args=(credential.pk,))
    return Health(
        _MARKS.get(Credential.State(credential.state), "bad"),
        credential.get_state_display(),
        f"{_place(credential)} {_last_trial(credential)}",
        _link(request, Permission.MANAGE_CREDENTIALS, address),
    )


def _place(credential: Credential) -> str:
    if credential.is_primary:
        return f"{credential.name}."
    return f"{credential.name}, a standby: no primary credential can be used now."


def _last_trial(credential: Credential) -> str:
    if credential.verified_at is None:
        return "It was never verified."
    findings = (credential.verification or {}).get("findings", [])
    failed = [each["detail"] for each in findings if each["outcome"] == "failed"]
    when = f"{credential.verified_at:%d %b %Y, %H:%M} UTC"
    return f"Tried {when}: {failed[0]}" if failed else f"Verified {when}."


# -- Budgets ---------------------------------------------------------------------------------


def budget_notices(request: HttpRequest, now: datetime) -> list[Notice]:
    """What is nearly or wholly used up, for those who can change it."""
    scope = current_scope()
    if not isinstance(scope, TenantScope) or not may(request, Permission.MANAGE_TENANT):
        return []
    return notices(scope.tenant_id, now)


# -- The last thirty days --------------------------------------------------------------------


def charts_for(request: HttpRequest, now: datetime) -> list[Chart]:
    """What happened on each day, and for who may know it what it cost."""
    days = last_days(now)
    happened = may(request, Permission.REVIEW_CONVERSATIONS)
    cost = may(request, Permission.READ_USAGE)
    used = by_day(days[0], days[-1]) if happened or cost else {}
    return [
        *(charts_of(days, used) if happened else ()),
        *(cost_charts(used, days) if cost else ()),
    ]


def last_days(now: datetime) -> list[date]:
    return [day_of(now) - number * DAY for number in reversed(range(DAYS))]


def charts_of(days: Sequence[date], used: Mapping[date, Line]) -> list[Chart]:
    """Conversations, minutes and bad ends of each day, of the scope's tenants."""
    rows = {row["day"]: row for row in _days_since(days[0])}
    talks = [rows.get(day, {}).get("talks", 0) for day in days]
    bad = [rows.get(day, {}).get("bad", 0) for day in days]
    return [
        Chart.of("Conversations", days, talks, "accent"),
        minutes_chart(used, days),
        Chart.of("Ended badly", days, bad, "bad"),
    ]


def _days_since(first: date) -> Any:
    """One row a day. The ids carry their time, and they have an index."""
    oldest = UUID(int=int(start_of(first).timestamp() * 1000) << 80)
    return (
        Conversation.objects.filter(id__gte=oldest)
        .annotate(day=TruncDate("started_at", tzinfo=UTC))
        .order_by()
        .values("day")
        .annotate(
            talks=Count("id"),
            bad=Count("id", filter=Q(end_reason__in=BAD_ENDS)),
        )
    )
