"""Who may open which conversation. Runs in a database thread, once a socket."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db import transaction
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from accounts.audit.place import at_place, place_of_socket
from accounts.callers import (
    AccessBarred,
    Caller,
    caller_from_api_key,
    caller_from_session,
)
from accounts.credentials import is_simulated
from accounts.failover.choice import credential_in_use
from accounts.models import User
from accounts.roles import Permission
from accounts.session_store import name_of
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.access import Ground
from conversations.models import Agent, Conversation, Lease
from conversations.quotas.parties import Parties, stack_for
from conversations.quotas.places import LimitReached, check_room, take_place_again
from conversations.quotas.rules import Bounds, Refusal, bounds_of


class Refused(Exception):
    """The socket may not have what it asked for. `error` is what the page is told.

    `retry_after_s`: after so many seconds it may have it; None where time changes nothing.
    """

    def __init__(
        self,
        close_code: int,
        code: str,
        message: str,
        fix: str,
        *,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code)
        self.close_code = close_code
        self.error = p.Error(
            code=code, message=message, fix=fix, fatal=True, retry_after_s=retry_after_s
        )


@dataclass(frozen=True, slots=True)
class Admitted:
    """A socket that may go on, from after (epoch, seq)."""

    conversation_id: uuid.UUID
    hello: p.Hello
    epoch: int
    seq: int
    ground: Ground


def admit(scope: Any, first: p.FirstMessage) -> Admitted:
    """Check the caller and open what the first message asks for. Raises Refused."""
    with at_place(place_of_socket(scope)):
        caller = identify(scope, first.key)
        return _admit(caller, first, ground_of(caller, scope))


def _admit(caller: Caller, first: p.FirstMessage, ground: Ground) -> Admitted:
    with tenant_scope(caller.tenant_id):
        try:
            if isinstance(first, p.Start):
                return start(caller, first, ground)
            return resume(caller, first, ground)
        except LimitReached as reached:
            reached.tell_staff()
            raise at_limit(reached.refusal) from None


def identify(scope: Any, key: str | None) -> Caller:
    try:
        caller = caller_from_api_key(key) if key is not None else caller_from_cookies(scope)
    except AccessBarred as error:
        raise Refused(p.Close.NOT_ALLOWED, error.code, str(error), error.fix) from None
    if caller is None:
        raise Refused(
            p.Close.NOT_SIGNED_IN,
            "not-signed-in",
            "You are not signed in, or your session has expired.",
            "Sign in again, or send a valid API key in the first message.",
        )
    if not caller.may(Permission.TALK):
        raise Refused(
            p.Close.NOT_ALLOWED,
            "not-allowed",
            "You may not talk to agents here.",
            "Ask an admin of your organisation for the right to.",
        )
    return caller


def ground_of(caller: Caller, scope: Any) -> Ground:
    """What the caller's access rests on, to look whether it still holds."""
    if caller.user_id is None:
        return Ground(caller.tenant_id, api_key_id=caller.api_key_id)
    passwords = User.objects.filter(pk=caller.user_id).values_list("password", flat=True)
    return Ground(
        caller.tenant_id,
        user_id=caller.user_id,
        session_key=session_key_of(scope),
        password=passwords.first(),
        by_sign_on=caller.by_sign_on,
    )


def session_key_of(scope: Any) -> str | None:
    headers = dict(scope["headers"])
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    secret = cookies.get(settings.SESSION_COOKIE_NAME)
    return name_of(secret) if secret else None


def caller_from_cookies(scope: Any) -> Caller | None:
    """The caller behind the browser session whose cookie came with the handshake."""
    sessions = import_module(settings.SESSION_ENGINE)
    session = sessions.SessionStore(session_key_of(scope))
    request = HttpRequest()
    request.session = session
    return caller_from_session(get_user(request), session)


def start(caller: Caller, first: p.Start, ground: Ground) -> Admitted:
    agent = Agent.objects.filter(id=as_uuid(first.agent, "agent")).first()
    if agent is None:
        raise not_found("agent")
    stack = stack_for(agent, caller.user_id)
    with transaction.atomic():
        check_room(Parties(caller.tenant_id, agent.pk, caller.user_id), stack)
        conversation = Conversation.objects.create(agent=agent, user_id=caller.user_id)
        Lease.objects.create(conversation=conversation)
    return Admitted(conversation.id, hello(caller, conversation, bounds_of(stack)), 0, 0, ground)


def resume(caller: Caller, first: p.Resume, ground: Ground) -> Admitted:
    """The person who began a conversation continues it; a key continues its own tenant's."""
    found = Conversation.objects.select_related("agent").filter(
        id=as_uuid(first.conversation, "conversation")
    )
    if caller.user_id is not None:
        found = found.filter(user_id=caller.user_id)
    conversation = found.first()
    if conversation is None:
        raise not_found("conversation")
    stack = stack_for(conversation.agent, conversation.user_id)
    with transaction.atomic():
        take_place_again(conversation, stack)
    shown = hello(caller, conversation, bounds_of(stack))
    return Admitted(conversation.id, shown, first.epoch, first.seq, ground)


def hello(caller: Caller, conversation: Conversation, bounds: Bounds) -> p.Hello:
    agent = conversation.agent
    credential = credential_in_use(timezone.now())
    return p.Hello(
        conversation=str(conversation.id),
        agent=p.AgentCard(id=str(agent.id), name=agent.name),
        simulated=credential is not None and is_simulated(credential),
        limits=p.Limits(
            text_chars=min(bounds.message_chars or p.TEXT_CHARS, p.TEXT_CHARS),
            texts_per_min=bounds.messages_per_min,
        ),
    )


def at_limit(refusal: Refusal) -> Refused:
    return Refused(
        p.Close.LIMIT_REACHED,
        refusal.code,
        refusal.message,
        refusal.fix,
        retry_after_s=refusal.retry_after_s,
    )


def not_found(what: str) -> Refused:
    return Refused(
        p.Close.NOT_FOUND,
        f"unknown-{what}",
        f"There is no such {what}.",
        "Go back to the lobby and choose one.",
    )


def as_uuid(text: str, what: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise not_found(what) from None
