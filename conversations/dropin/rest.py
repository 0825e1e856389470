"""What the official SDKs ask over HTTP, at Google's addresses and in Google's shapes.

The credential is where the SDKs put it, so it is looked for here and not in the middleware; a
browser's cookie counts for nothing.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.callers import Caller
from accounts.roles import Permission
from accounts.tenancy import tenant_scope
from conversations.dropin import refusals as r
from conversations.dropin.credentials import presented
from conversations.dropin.opening import agents_of, identify
from conversations.models import Agent

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
CONTEXT_TOKENS: Final = 131_072
ANSWER_TOKENS: Final = 65_536
START: Final = re.compile(r"from (\d{1,9})", re.ASCII)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
Answer = Callable[Concatenate[HttpRequest, Caller, P], dict[str, Any]]


def as_google(method: str, *permissions: Permission) -> Callable[[Answer[P]], View[P]]:
    """A view that answers JSON to one method, for callers that may do one of these; refusals have
    Google's shape."""

    def wrap(answer: Answer[P]) -> View[P]:
        @wraps(answer)
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                caller = caller_of(request, permissions)
                if request.method != method:
                    return not_allowed(method)
                with tenant_scope(caller.tenant_id):
                    body = answer(request, caller, *args, **kwargs)
            except r.Refusal as refusal:
                status, body = r.error_body(refusal)
                return JsonResponse(body, status=status)
            return JsonResponse(body)

        exempt: View[P] = csrf_exempt(view)  # there is no cookie to abuse
        return exempt

    return wrap


def caller_of(request: HttpRequest, permissions: tuple[Permission, ...]) -> Caller:
    """Who calls, and may do one of these. Raises Refusal."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    caller = identify(presented(request.META.get("QUERY_STRING", ""), headers))
    if not any(caller.may(permission) for permission in permissions):
        raise r.denied("Its key has no scope for this.")
    return caller


def not_allowed(method: str) -> HttpResponse:
    body = {"error": {"code": 405, "message": f"Use {method}.", "status": "UNIMPLEMENTED"}}
    return JsonResponse(body, status=405, headers={"Allow": method})


# --- Models ----------------------------------------------------------------------------------


@as_google("GET", Permission.TALK, Permission.READ_API)
def models(request: HttpRequest, caller: Caller, version: str) -> dict[str, Any]:
    """What may stand as `model`: each agent by its slug, and the models that they talk with."""
    described = all_models(caller)
    start = start_of(asked(request, "pageToken", "page_token"))
    end = start + size_of(asked(request, "pageSize", "page_size"))
    page: dict[str, Any] = {"models": described[start:end]}
    if end < len(described):
        page["nextPageToken"] = urlsafe_b64encode(f"from {end}".encode()).decode()
    return page


@as_google("GET", Permission.TALK, Permission.READ_API)
def model(request: HttpRequest, caller: Caller, version: str, name: str) -> dict[str, Any]:
    wanted = f"models/{name}"
    found = next((each for each in all_models(caller) if each["name"] == wanted), None)
    if found is None:
        text = f"Model is not found: {wanted[:80]} for api version {version}"
        raise r.Refusal(r.FORBIDDEN, text, "NOT_FOUND")
    return found


def all_models(caller: Caller) -> list[dict[str, Any]]:
    agents = agents_of(caller)
    described = {each.slug: agent_as_model(each) for each in agents}
    for agent in agents:
        name = agent.model.rpartition("/")[2]
        text = f"The model of {agent.name}, which answers for it."
        described.setdefault(name, as_model(name, name, text))
    return list(described.values())


def agent_as_model(agent: Agent) -> dict[str, Any]:
    return as_model(agent.slug, agent.name, agent.description)


def as_model(name: str, title: str, description: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": title,
        "description": description,
        "inputTokenLimit": CONTEXT_TOKENS,
        "outputTokenLimit": ANSWER_TOKENS,
        "supportedGenerationMethods": ["bidiGenerateContent"],
    }


def asked(request: HttpRequest, *names: str) -> str:
    return next((request.GET[name] for name in names if name in request.GET), "")


def size_of(text: str) -> int:
    if not text:
        return PAGE_SIZE
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise r.Refusal(r.INVALID, "Invalid value at 'page_size' (TYPE_INT32).")
    return min(int(text) or PAGE_SIZE, MAX_PAGE_SIZE)


def start_of(token: str) -> int:
    if not token:
        return 0
    try:
        text = urlsafe_b64decode(token).decode()
    except ValueError:
        text = ""
    if (found := START.fullmatch(text)) is None:
        raise r.Refusal(r.INVALID, "Invalid page token.")
    return int(found[1])
