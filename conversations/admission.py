"""Who may open which conversation. Runs in a database thread, once a socket."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db import transaction
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from accounts.audit import record
from accounts.audit.place import Place, at_place, current_place, place_of_socket
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
from accounts.tenancy import platform_scope, tenant_scope
from conversations import protocol as p
from conversations.access import Ground
from conversations.models import Agent, AgentVersion, Conversation, Lease
from conversations.quotas.parties import Parties, stack_for
from conversations.quotas.places import LimitReached, check_room, take_place_again
from conversations.quotas.rules import Bounds, Refusal, bounds_of
from conversations.recordings.consent import (
    ConsentNeeded,
    ConsentRefused,
    Terms,
    check_consent,
    note_consent,
)
from conversations.room import all_full, retry_after_s
from conversations.states import EndReason
from conversations.versions import draft_of, published_version
from conversations.whereabouts import Visit

CONSENT_NEEDED = "Talks with this agent are recorded, and nobody has agreed to that here."
CONSENT_OUTDATED = "What was agreed to has changed in the meantime."


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
    """A socket that may go on, from after (epoch, seq). `watcher`: who looks on at what another
    person says, as the audit names them; `place`: where they are."""

    conversation_id: uuid.UUID
    hello: p.Hello
    epoch: int
    seq: int
    ground: Ground
    visit: Visit
    is_new: bool = False
    watcher: str = ""
    place: Place = field(default_factory=current_place)


def admit(scope: Any, first: p.FirstMessage) -> Admitted:
    """Check the caller and open what the first message asks for. Raises Refused."""
    with at_place(place_of_socket(scope)):
        caller = identify(scope, first.key)
        return admit_caller(caller, first, ground_of(caller, scope))


def admit_caller(caller: Caller, first: p.FirstMessage, ground: Ground) -> Admitted:
    """Open what somebody who is known asks for. Raises Refused."""
    with tenant_scope(caller.tenant_id):
        try:
            if isinstance(first, p.Start):
                return start(caller, first, ground)
            if first.mode == "observe":
                return observe(caller, first, ground)
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
    return caller


def check_may(caller: Caller, *permissions: Permission) -> None:
    """Raises Refused when the caller may do none of it."""
    if not any(caller.may(permission) for permission in permissions):
        raise Refused(
            p.Close.NOT_ALLOWED,
            "not-allowed",
            "You may not talk to agents here.",
            "Ask an admin of your organisation for the right to.",
        )


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
    check_may(caller, Permission.TALK)
    visit = visit_of(caller, first, "take")
    check_capacity(waits=visit.waits)
    agent = Agent.objects.filter(id=as_uuid(first.agent, "agent")).first()
    if agent is None:
        raise not_found("agent")
    stack = stack_for(agent, caller.user_id)
    terms = agreed_terms(agent, first)
    with transaction.atomic():
        check_room(Parties(caller.tenant_id, agent.pk, caller.user_id), stack)
        conversation = Conversation.objects.create(
            agent=agent,
            version=version_for(caller, agent, draft=first.draft),
            user_id=caller.user_id,
        )
        Lease.objects.create(conversation=conversation)
        if terms is not None:
            note_consent(conversation, terms, caller.actor, timezone.now())
    shown = hello(conversation, bounds_of(stack), visit.mode)
    return Admitted(conversation.id, shown, 0, 0, ground, visit, is_new=True)


def agreed_terms(agent: Agent, first: p.Start) -> Terms | None:
    """Under which terms the conversation is recorded, if it is. Raises Refused."""
    try:
        return check_consent(agent, first.consent)
    except ConsentRefused as error:
        is_missing = isinstance(error, ConsentNeeded)
        raise Refused(
            p.Close.NOT_ALLOWED,
            "consent-needed" if is_missing else "consent-outdated",
            CONSENT_NEEDED if is_missing else CONSENT_OUTDATED,
            "Load the page again and read it. A program shows the text of its version "
            f"{error.terms.version}, and sends that as `consent`.",
        ) from None


def version_for(caller: Caller, agent: Agent, *, draft: bool) -> AgentVersion:
    """What the new conversation runs with: what is published, or for its editors the draft."""
    if not draft:
        return published_version(agent, timezone.now())
    check_may(caller, Permission.MANAGE_AGENTS)
    found = draft_of(agent)
    if found is None:
        raise not_found("draft")
    return found


def resume(caller: Caller, first: p.Resume, ground: Ground) -> Admitted:
    """The person who began a conversation continues it; a key continues its own tenant's."""
    check_may(caller, Permission.TALK)
    conversation = find(first, caller.user_id)
    visit = visit_of(caller, first, first.mode)
    stack = stack_for(conversation.agent, conversation.user_id)
    with transaction.atomic():
        take_place_again(conversation, stack)
    shown = hello(conversation, bounds_of(stack), visit.mode)
    return Admitted(conversation.id, shown, first.epoch, first.seq, ground, visit)


def observe(caller: Caller, first: p.Resume, ground: Ground) -> Admitted:
    """Reviewers look on at their tenant's conversations, which is noted; others at their own."""
    check_may(caller, Permission.TALK, Permission.REVIEW_CONVERSATIONS)
    reviews = caller.may(Permission.REVIEW_CONVERSATIONS)
    conversation = find(first, None if reviews else caller.user_id)
    stack = stack_for(conversation.agent, conversation.user_id)
    shown = hello(conversation, bounds_of(stack), "observe")
    visit = visit_of(caller, first, "observe")
    admitted = Admitted(conversation.id, shown, first.epoch, first.seq, ground, visit)
    if caller.user_id is not None and caller.user_id == conversation.user_id:
        return admitted
    record("conversation.watched", conversation, actor=caller.actor)
    if caller.user_id is not None:
        ground = replace(ground, permission=Permission.REVIEW_CONVERSATIONS)
    return replace(admitted, ground=ground, watcher=caller.actor)


def note_departure(admitted: Admitted) -> None:
    """Who looked on has gone. Nothing is noted of a conversation that was deleted meanwhile."""
    with tenant_scope(admitted.ground.tenant_id), at_place(admitted.place):
        for conversation in Conversation.objects.filter(id=admitted.conversation_id):
            record("conversation.watch-ended", conversation, actor=admitted.watcher)


def find(first: p.Resume, user_id: uuid.UUID | None) -> Conversation:
    """The tenant's conversation, of that person if one is given. Raises Refused."""
    found = Conversation.objects.select_related("agent").filter(
        id=as_uuid(first.conversation, "conversation")
    )
    if user_id is not None:
        found = found.filter(user_id=user_id)
    conversation: Conversation | None = found.first()
    if conversation is None:
        raise not_found("conversation")
    return conversation


def visit_of(caller: Caller, first: p.FirstMessage, mode: p.Mode) -> Visit:
    """How the socket comes. People stand in line; a program does if it says so."""
    waits = caller.api_key_id is None if first.wait is None else first.wait
    return Visit(mode=mode, page=first.page or uuid.uuid4().hex, waits=waits)


def check_capacity(*, waits: bool) -> None:
    """Whether a worker has room for one more conversation. Who does not wait for that is
    refused, whatever way they came in. Raises Refused."""
    if waits:
        return
    with platform_scope("whether there is room"):
        if all_full():
            raise no_room(retry_after_s())


def give_back(admitted: Admitted) -> Refused:
    """The last room was taken in between: what was begun just now is over. Returns what to say."""
    with platform_scope("no room for a conversation"), transaction.atomic():
        if admitted.is_new and Lease.objects.drop_unhosted(admitted.conversation_id):
            Conversation.objects.get(id=admitted.conversation_id).end(EndReason.CAPACITY_FULL)
        return no_room(retry_after_s())


def no_room(retry_after_s: int) -> Refused:
    return Refused(
        p.Close.LIMIT_REACHED,
        "capacity-full",
        "All lines are busy.",
        "Ask again later, or say that you wait.",
        retry_after_s=retry_after_s,
    )


def hello(conversation: Conversation, bounds: Bounds, mode: p.Mode) -> p.Hello:
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
        mode=mode,
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
