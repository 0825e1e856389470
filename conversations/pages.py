"""The pages of people who talk, and of staff who review. HTML only; JSON lives in `api`.

Every query runs in the tenant scope that the middleware entered for the caller, so another
tenant's conversation is not found here, whoever asks.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.audit import record
from accounts.callers import ACTIVE_TENANT, Caller, memberships_of
from accounts.models import User
from accounts.pages import tenant_is_simulated
from accounts.pagination import UncountedPage, UncountedPaginator
from accounts.roles import Permission, allows
from accounts.sign_in import user_of
from accounts.tenancy import platform_scope
from conversations.models import Agent, AgentVersion, Conversation
from conversations.recordings.consent import terms_of
from conversations.recordings.listening import record_listening
from conversations.recordings.mix import mix_of
from conversations.recordings.serving import sound_answer
from conversations.states import ConversationState, Speaker
from conversations.usage.report import of_conversation
from conversations.versions import draft_of

RECENT = 5
PAGE_SIZE = 25
SOCKET_PATH = "/ws/conversations/"
# Stands where the page puts a conversation's id, since it learns that from the socket.
ID_PLACE = "__id__"


def caller_with(request: HttpRequest, permission: Permission) -> Caller:
    """Return who asks. Raises PermissionDenied without the permission, or without a tenant."""
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    if caller is None or not caller.may(permission):
        raise PermissionDenied
    return caller


def own_conversations(user: User) -> QuerySet[Conversation]:
    return Conversation.objects.filter(user=user).select_related("agent")


def page_of(request: HttpRequest, conversations: QuerySet[Conversation]) -> UncountedPage:
    """Return the asked page; a number out of range gives the first one."""
    return UncountedPaginator(conversations, PAGE_SIZE).get_page(request.GET.get("page"))


@login_required
@require_safe
def lobby(request: HttpRequest) -> HttpResponse:
    """Choose whom to talk to. Operators belong to no tenant: their work is in the admin."""
    visits = request.visit is not None  # type: ignore[attr-defined]
    if visits or (request.caller is None and user_of(request).is_operator):  # type: ignore[attr-defined]
        return redirect("admin:index")
    caller_with(request, Permission.TALK)
    recent = own_conversations(user_of(request))[:RECENT]
    context = {"agents": Agent.objects.all(), "recent": recent}
    return render(request, "conversations/lobby.html", context)


@login_required
@require_safe
def new_conversation(request: HttpRequest, agent_id: uuid.UUID) -> HttpResponse:
    """The talk page; the socket makes the conversation when the person starts to talk."""
    caller = caller_with(request, Permission.TALK)
    agent = get_object_or_404(Agent.objects.all(), pk=agent_id)
    draft = "draft" in request.GET and caller.may(Permission.MANAGE_AGENTS) and draft_of(agent)
    return talk_page(request, agent, None, draft=bool(draft))


@login_required
@require_safe
def conversation(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """The owner's: to talk in while it runs, to read once it has ended."""
    caller = caller_with(request, Permission.TALK)
    rows = Conversation.objects.select_related("agent", "user", "version")
    found = rows.filter(pk=conversation_id).first()
    if found is None:
        return in_its_tenant(request, conversation_id)
    if found.user == user_of(request):
        if found.has_ended:
            return transcript_page(request, caller, found)
        draft = found.version is not None and found.version.state == AgentVersion.State.DRAFT
        return talk_page(request, found.agent, found, draft=draft)
    if caller.may(Permission.REVIEW_CONVERSATIONS):
        return redirect("review-conversation", conversation_id)
    raise Http404


def in_its_tenant(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Work in another tenant of this person from now on, if the conversation is there and
    they may open it. Raises Http404 otherwise."""
    user = user_of(request)
    for membership in memberships_of(user, request.session):
        with platform_scope("find a conversation among a person's tenants"):
            rows = Conversation.objects.filter(pk=conversation_id, tenant=membership.tenant_id)
            if not allows(membership.role, Permission.REVIEW_CONVERSATIONS):
                rows = rows.filter(user=user)
            here = membership.tenant.is_active and rows.exists()
        if here:
            request.session[ACTIVE_TENANT] = str(membership.tenant_id)
            return redirect("conversation", conversation_id)
    raise Http404


def talk_page(
    request: HttpRequest,
    agent: Agent,
    current: Conversation | None,
    *,
    draft: bool = False,
    observes: bool = False,
) -> HttpResponse:
    """The page to talk on; for one who `observes`, the same without anything to say."""
    back = reverse("review-conversation", args=[current.pk]) if observes and current else None
    terms = terms_of(agent) if current is None else None
    config = {
        "agent": {"id": str(agent.id), "name": agent.name},
        "conversation": str(current.id) if current else None,
        "draft": draft,
        "recording": terms.as_json() if terms else None,
        "socket_path": SOCKET_PATH,
        "urls": {
            "conversation": f"/c/{ID_PLACE}/",
            "history": reverse("history"),
            "lobby": reverse("lobby"),
            "back": back or reverse("lobby"),
            "api": reverse("api-conversations"),
        },
        "observes": observes,
        # What the page calls who talks to the agent.
        "person": person_of(current) if observes and current else "You",
        "simulated": tenant_is_simulated(),
        "user": {"name": user_of(request).get_full_name()},
    }
    context = {"page_config": config, "agent": agent, "terms": terms}
    return render(request, "conversations/conversation.html", context)


def person_of(current: Conversation) -> str:
    """Who talks, for others; a program talks for somebody it knows."""
    return current.user.get_full_name() if current.user else current.end_user_name or "Visitor"


def transcript_page(request: HttpRequest, caller: Caller, found: Conversation) -> HttpResponse:
    context = {
        "conversation": found,
        "turns": named_turns(found),
        "events": list(found.events.all()),
        "usage": of_conversation(found) if caller.may(Permission.READ_USAGE) else None,
        "player": player_of(found),
        "may_watch": not found.has_ended and caller.may(Permission.REVIEW_CONVERSATIONS),
    }
    return render(request, "conversations/transcript.html", context)


def player_of(found: Conversation) -> dict[str, Any] | None:
    """What the page's player plays; None where nothing was recorded, or it is gone."""
    mix = mix_of(found.pk, at_least_ms=found.duration_ms or 0)
    if mix is None:
        return None
    url = reverse("recording", args=[found.pk])
    return {"url": url, "length_ms": mix.length_ms, "lost_ms": mix.lost_ms}


def named_turns(found: Conversation) -> list[dict[str, Any]]:
    """The turns in order, each with `speaker_name`: what the reader calls who spoke."""
    names = {
        Speaker.USER: found.user.name if found.user else found.end_user_name,
        Speaker.AGENT: found.agent.name,
    }
    return [
        {
            "speaker": turn.speaker,
            "speaker_name": names.get(Speaker(turn.speaker)) or turn.get_speaker_display(),
            "state": turn.state,
            "text": turn.text,
            "end_ms": turn.end_ms or turn.start_ms,
            "start_ms": turn.start_ms,
            "started_at": found.started_at + timedelta(milliseconds=turn.start_ms),
        }
        for turn in found.turns.all()
    ]


@login_required
@require_safe
def recording(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponseBase:
    """What was heard, for whoever may read what was said. Who of the staff listens is recorded."""
    caller = caller_with(request, Permission.TALK)
    found = get_object_or_404(Conversation.objects.all(), pk=conversation_id)
    is_own = found.user_id == user_of(request).pk
    if not is_own and not caller.may(Permission.REVIEW_CONVERSATIONS):
        raise Http404
    mix = mix_of(found.pk, at_least_ms=found.duration_ms or 0)
    if mix is None:
        raise Http404
    if not is_own:
        record_listening(found, caller.actor)
    return sound_answer(mix, request.headers.get("Range", ""))


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """The caller's own conversations, newest first."""
    caller_with(request, Permission.TALK)
    context = {"conversations": page_of(request, own_conversations(user_of(request)))}
    return render(request, "conversations/history.html", context)


@login_required
@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """Every conversation of the tenant, for its reviewers."""
    caller_with(request, Permission.REVIEW_CONVERSATIONS)
    agents = list(Agent.objects.all())
    filters = chosen_filters(request, agents)
    found = Conversation.objects.filter(**filters).select_related("agent", "user")
    context = {
        "conversations": page_of(request, found),
        "agents": agents,
        "states": [str(state) for state in ConversationState],
        "filters": {"agent": "", "state": "", **filters},
        # Stands before `page=…`, so that the next page has the same filters.
        "page_query": "".join(f"{name}={value}&" for name, value in filters.items()),
    }
    return render(request, "conversations/review_list.html", context)


def chosen_filters(request: HttpRequest, agents: list[Agent]) -> dict[str, str]:
    """The filters of the address; one that names nothing we have is left out."""
    known = {
        "agent": {str(agent.id) for agent in agents},
        "state": {str(state) for state in ConversationState},
    }
    wanted = {name: request.GET.get(name, "") for name in known}
    return {name: value for name, value in wanted.items() if value in known[name]}


@login_required
@require_safe
def review_conversation(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """One conversation, whoever of the tenant held it. Who reads it is recorded."""
    caller = caller_with(request, Permission.REVIEW_CONVERSATIONS)
    rows = Conversation.objects.select_related("agent", "user", "version")
    found = get_object_or_404(rows, pk=conversation_id)
    record("transcript.viewed", found, actor=caller.actor)
    return transcript_page(request, caller, found)


@login_required
@require_safe
def watch(request: HttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    """Look on while it is held. The socket records who comes and goes."""
    caller_with(request, Permission.REVIEW_CONVERSATIONS)
    rows = Conversation.objects.select_related("agent", "user")
    found = get_object_or_404(rows, pk=conversation_id)
    if found.has_ended:
        return redirect("review-conversation", conversation_id)
    return talk_page(request, found.agent, found, observes=True)
