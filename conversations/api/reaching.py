"""How an endpoint reaches a running conversation: the process's switchboard, and who may."""

from __future__ import annotations

import uuid
from typing import Any, Final

from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts.callers import Caller
from conversations import protocol as p
from conversations.admission import Admitted, Refused, admit_caller, ground_of
from conversations.api.permissions import caller_of
from conversations.attachment import Switchboard

# Where the ASGI application puts the switchboard, in the scope of each request.
SWITCHBOARD: Final = "parley.switchboard"

_STATUS: Final = {
    p.Close.NOT_SIGNED_IN: 401,
    p.Close.LIMIT_REACHED: 429,
    p.Close.NOT_ALLOWED: 403,
    p.Close.NOT_FOUND: 404,
    p.Close.BAD_FIRST_MESSAGE: 400,
    p.Close.OPENED_ELSEWHERE: 409,
    p.Close.OUR_FAULT: 503,
}


class PageSerializer(serializers.Serializer[Any]):
    """Whose request it is."""

    page = serializers.RegexField(
        p.REF, required=False, help_text="A word of the client's own, the same on all its requests."
    )


class ConversationRefused(exceptions.APIException):
    """What a socket would be refused with, as the answer of an endpoint."""

    def __init__(self, error: p.Error, status_code: int) -> None:
        super().__init__(f"{error.message} {error.fix}", error.code)
        self.status_code = status_code
        self.wait = error.retry_after_s


class NoLiveServer(exceptions.APIException):
    status_code = 503
    default_detail = "This server holds no live conversations. Ask one that `manage.py web` runs."
    default_code = "no_live_server"


def refused(refusal: Refused) -> ConversationRefused:
    status = 503 if refusal.error.code == "capacity-full" else _STATUS[refusal.close_code]
    return ConversationRefused(refusal.error, status)


def switchboard_of(request: Request) -> Switchboard:
    """The way to every host. Raises NoLiveServer outside the ASGI application."""
    found = _scope_of(request).get(SWITCHBOARD)
    if not isinstance(found, Switchboard):
        raise NoLiveServer
    return found


def come_to(request: Request, conversation_id: uuid.UUID, **how: Any) -> Admitted:
    """Let the caller in to a conversation, as `resume` of the socket would; `how` are its fields.

    Raises ConversationRefused.
    """
    return let_in(request, p.Resume(conversation=str(conversation_id), **how))


def let_in(request: Request, first: p.FirstMessage) -> Admitted:
    """What the socket would do with a first message of this caller. Raises ConversationRefused."""
    caller: Caller = caller_of(request)
    try:
        return admit_caller(caller, first, ground_of(caller, _scope_of(request)))
    except Refused as refusal:
        raise refused(refusal) from None


def _scope_of(request: Request) -> dict[str, Any]:
    scope: dict[str, Any] = getattr(request, "scope", {"headers": []})
    return scope
