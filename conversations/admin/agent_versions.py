"""An agent's versions in the admin: what each says, what differs, publishing and going back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import actor_of
from accounts.audit import record
from accounts.models import User
from conversations.models import Agent, AgentVersion
from conversations.versions import Difference, differences, draft_of, drop_draft, publish

# How many are shown. Older ones are kept: conversations ran with them.
SHOWN = 50
State = AgentVersion.State


@dataclass(frozen=True, slots=True)
class Step:
    """A version, and what it changed of the one that was published before it."""

    version: AgentVersion
    differences: list[Difference]
    is_live: bool


class Versions:
    """Mixed into the agents' admin: two addresses below each agent's own."""

    def version_urls(self) -> list[URLPattern]:
        admin = cast(TenantAdmin, self)
        view = admin.admin_site.admin_view
        return [
            path("<uuid:pk>/versions/", view(self.versions), name="conversations_agent_versions"),
            path(
                "<uuid:pk>/versions/<int:number>/<str:act>/",
                view(self.act_on_version),
                name="conversations_agent_version",
            ),
        ]

    def versions(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The versions of an agent, the newest first."""
        admin = cast(TenantAdmin, self)
        agent = self._agent(request, pk)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET"])
        context = {
            **admin.admin_site.each_context(request),
            "title": f"Versions of {agent.name}",
            "opts": admin.opts,
            "agent": agent,
            "steps": steps_of(agent),
            "may_change": admin.has_change_permission(request, agent),
        }
        return TemplateResponse(request, "admin/agent_versions.html", context)

    def act_on_version(self, request: HttpRequest, pk: UUID, number: int, act: str) -> HttpResponse:
        """Publish what a version says, or drop the draft."""
        agent = self._agent(request, pk)
        version = agent.versions.filter(number=number).select_related("agent").first()
        if version is None or act not in _ACTS:
            raise Http404
        if not cast(TenantAdmin, self).has_change_permission(request, agent):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        messages.success(request, _ACTS[act](request, version))
        return redirect("admin:conversations_agent_versions", pk)

    def _agent(self, request: HttpRequest, pk: UUID) -> Agent:
        admin = cast(TenantAdmin, self)
        admin.check_reachable(request, str(pk))
        return cast(Agent, admin.get_object(request, str(pk)))


def publish_version(request: HttpRequest, version: AgentVersion) -> str:
    """New conversations run with what the version says. Returns what is told."""
    agent = version.agent
    published = publish(agent, version.content, cast(User, request.user), timezone.now())
    after = {"number": published.number, "as": version.number}
    record("agent.published", agent, actor=actor_of(request), after=after)
    if published.number == version.number:
        return f"Version {version.number} is published."
    return f"What version {version.number} says is published, as version {published.number}."


def drop_version(request: HttpRequest, version: AgentVersion) -> str:
    """Nobody works on the draft any more. Returns what is told."""
    if version.state != State.DRAFT or not drop_draft(version.agent):
        return "There is no draft."
    record("agent.draft-dropped", version.agent, actor=actor_of(request))
    return "The draft is dropped."


_ACTS: dict[str, Any] = {"publish": publish_version, "drop": drop_version}


def steps_of(agent: Agent) -> list[Step]:
    """The agent's last versions, the newest first, each beside the published one before it."""
    versions = list(agent.versions.select_related("created_by")[: SHOWN + 1])
    return list(_steps(versions))[:SHOWN]


def _steps(versions: list[AgentVersion]) -> Iterator[Step]:
    live = next((one for one in versions if one.state == State.PUBLISHED), None)
    for place, version in enumerate(versions):
        older = (one for one in versions[place + 1 :] if one.state == State.PUBLISHED)
        before = next(older, None)
        changed = differences(before.content, version.content) if before else []
        yield Step(version, changed, is_live=version is live)


def standing_of(agent: Agent) -> dict[str, Any]:
    """What the agent's form says of its versions."""
    published = agent.versions.filter(state=State.PUBLISHED).first()
    return {"published": published, "draft": draft_of(agent)}
