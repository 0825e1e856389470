"""What an endpoint asks of who calls it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.callers import Caller
from accounts.roles import Permission
from conversations.models import Conversation

_Row = TypeVar("_Row", bound=Model)


class AgentsOnly(exceptions.PermissionDenied):
    default_detail = (
        "This key is for certain agents or for tests, and this concerns the whole organisation. "
        "Use a key without that restriction."
    )
    default_code = "key_restricted"


class Allowed(BasePermission):
    """The caller may do all of `permissions`; for what changes something, all of `changing`."""

    permissions: frozenset[Permission] = frozenset()
    changing: frozenset[Permission] = frozenset()

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            return False
        if not all(caller.may(each) for each in self.needed_for(request.method or "GET")):
            return False
        is_narrow = caller.agents is not None or caller.is_test
        if is_narrow and not getattr(view, "narrowed_to_agents", False):
            raise AgentsOnly
        return True

    @classmethod
    def needed_for(cls, method: str) -> frozenset[Permission]:
        return cls.permissions if method in SAFE_METHODS else cls.changing


def allowed(
    *permissions: Permission, changing: Collection[Permission] | None = None
) -> type[BasePermission]:
    """A permission class for `permission_classes`: whoever may do all of `permissions`.

    `changing`: what POST, PUT, PATCH and DELETE need instead; without it the same.

    A key that is restricted to agents, or for tests, is refused by every view but those that say
    `narrowed_to_agents = True`, and so promise to show only rows of `of_callers_agents`.
    """
    names: dict[str, Any] = {
        "permissions": frozenset(permissions),
        "changing": frozenset(permissions if changing is None else changing),
    }
    return type("Allowed", (Allowed,), names)


def caller_of(request: Request) -> Caller:
    """Who calls. Only for views that `allowed` stands before."""
    caller = request.auth
    if not isinstance(caller, Caller):
        raise exceptions.NotAuthenticated
    return caller


def of_callers_agents(
    rows: QuerySet[_Row], caller: Caller, agent: str = "agent_id"
) -> QuerySet[_Row]:
    """Those that the caller may have to do with; `agent` is the look-up of their agent's id. Of
    conversations, and of what is reached over `conversation__agent_id`, a key for tests finds
    those that are tests."""
    if caller.agents is not None:
        rows = rows.filter(**{f"{agent}__in": caller.agents})
    if caller.is_test and (rows.model is Conversation or agent == "conversation__agent_id"):
        rows = rows.filter(**{agent.replace("agent_id", "is_test"): True})
    return rows
