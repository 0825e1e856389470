"""Who may open which conversation. Runs in a database thread, once a socket."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

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
from accounts.failover.choice import credential_in_use, usable_ones
from accounts.models import Credential, User
from accounts.roles import Permission
from accounts.session_store import name_of
from accounts.tenancy import platform_scope, tenant_scope
from conversations import protocol as p
from conversations.access import Ground
from conversations.access_tokens import (
    NoUseLeft,
    caller_from_access_token,
    give_use_back,
    is_held_by,
    spend_use,
    token_behind,
)
from conversations.models import (
    AccessToken,
    Agent,
    AgentVersion,
    Conversation,
    Lease,
    TokenState,
)
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
from conversations.states import EndReason, Medium
from conversations.versions import draft_of, published_version
from conversations.webhooks.outbox import announce_all
from conversations.webhooks.telling import end_and_tell, started
from conversations.whereabouts import Visit

CONSENT_NEEDED = "Talks with this agent are recorded, and nobody has agreed to that here."
CONSENT_OUTDATED = "What was agreed to has changed in the meantime."
ALL_MEDIA: Final = frozenset(Medium)


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
    person says, as the audit names them; `place`: where they are; `media`: what it may send."""

    conversation_id: uuid.UUID
    hello: p.Hello
    epoch: int
    seq: int
    ground: Ground
    visit: Visit
    is_new: bool = False
    watcher: str = ""
    place: Place = field(default_factory=current_place)
    media: frozenset[Medium] = ALL_MEDIA


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
        caller = known_caller(scope, key)
    except AccessBarred as error:
        raise Refused(p.Close.NOT_ALLOWED, error.code, str(error), error.fix) from None
    if caller is None:
        raise Refused(
            p.Close.NOT_SIGNED_IN,
            "not-signed-in",
            "You are not signed in, or your session has expired.",
            "Sign in again, or send a valid API key or token in the first message.",
        )
    return caller


def known_caller(scope: Any, key: str | None) -> Caller | None:
    """Who calls, if it is anybody. From a page that is not ours only a token counts, which says
    itself where it may be used. Raises Refused, and AccessBarred."""
    if key is not None and (caller := caller_from_access_token(key)) is not None:
        return caller
    if not is_own_origin(scope):
        raise Refused(
            p.Close.NOT_ALLOWED,
            "foreign-page",
            "This page is not one of Parley's, so it may not use what you are signed in with.",
            "Have its server mint a token for it, and send that in the first message.",
        )
    return caller_from_api_key(key) if key is not None else caller_from_cookies(scope)


def is_own_origin(scope: Any) -> bool:
    """Whether a browser's socket comes from one of our own pages.

    Browsers always send Origin, and send cookies along from any page; other clients send
    none and have to bring a key.
    """
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin:
        return True
    own_host = headers.get(b"host", b"").decode("latin-1")
    return urlsplit(origin).netloc == own_host or origin in settings.CSRF_TRUSTED_ORIGINS


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
        return Ground(
            caller.tenant_id,
            api_key_id=caller.api_key_id,
            access_token_id=caller.access_token_id,
        )
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
    if agent is None or not caller.reaches(agent.pk):
        raise not_found("agent")
    check_simulator(caller)
    token = token_behind(caller)
    stack = stack_for(agent, caller.user_id, token)
    terms = agreed_terms(agent, first)
    with transaction.atomic():
        parties = Parties(caller.tenant_id, agent.pk, caller.user_id, caller.access_token_id)
        check_room(parties, stack)
        count_use(token)
        conversation = Conversation.objects.create(
            agent=agent,
            version=version_for(caller, agent, draft=first.draft),
            user_id=caller.user_id,
            is_test=caller.is_test,
            access_token=token,
            end_user=token.end_user if token else "",
            end_user_name=token.end_user_name if token else "",
        )
        Lease.objects.create(conversation=conversation)
        announce_all([started(conversation)])
        if terms is not None:
            note_consent(conversation, terms, caller.actor, timezone.now())
    shown = hello(conversation, bounds_of(stack), "take")
    return Admitted(conversation.id, shown, 0, 0, ground, visit, is_new=True, media=media_of(token))


def count_use(token: AccessToken | None) -> None:
    """A conversation is begun with it. Raises Refused."""
    if token is None:
        return
    try:
        spend_use(token, timezone.now())
    except NoUseLeft as error:
        is_used_up = error.state == TokenState.USED_UP
        raise Refused(
            p.Close.LIMIT_REACHED,
            f"token-{error.state}",
            "The token has begun as many conversations as it may."
            if is_used_up
            else "The token begins no conversation any more.",
            "Ask the application that you came from for a new one.",
        ) from None


def media_of(token: AccessToken | None) -> frozenset[Medium]:
    """What who came so may send."""
    return frozenset(map(Medium, token.modalities)) if token and token.modalities else ALL_MEDIA


def check_simulator(caller: Caller) -> None:
    """A key for tests never talks with Google. Raises Refused."""
    if not caller.is_test:
        return
    usable = usable_ones(Credential.objects.all(), timezone.now())
    if any(is_simulated(row) for row in usable):
        return
    raise Refused(
        p.Close.NOT_ALLOWED,
        "no-simulator",
        "This key is for tests, and the organisation has no simulator to talk with.",
        "Add a credential whose base URL is a simulator's, or use a key that is not for tests.",
    )


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
    conversation = find(first, caller, caller.user_id)
    visit = visit_of(caller, first, first.mode)
    stack = stack_for(conversation.agent, conversation.user_id, conversation.access_token)
    with transaction.atomic():
        take_place_again(conversation, stack)
    shown = hello(conversation, bounds_of(stack), first.mode)
    media = media_of(token_behind(caller))
    return Admitted(conversation.id, shown, first.epoch, first.seq, ground, visit, media=media)


def observe(caller: Caller, first: p.Resume, ground: Ground) -> Admitted:
    """Reviewers look on at their tenant's conversations, which is noted; others at their own."""
    check_may(caller, Permission.TALK, Permission.REVIEW_CONVERSATIONS)
    reviews = caller.may(Permission.REVIEW_CONVERSATIONS)
    conversation = find(first, caller, None if reviews else caller.user_id)
    stack = stack_for(conversation.agent, conversation.user_id, conversation.access_token)
    shown = hello(conversation, bounds_of(stack), "observe")
    visit = visit_of(caller, first, "observe")
    admitted = Admitted(conversation.id, shown, first.epoch, first.seq, ground, visit)
    # Who came with a token finds nobody else's.
    if caller.access_token_id or (caller.user_id and caller.user_id == conversation.user_id):
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


def find(first: p.Resume, caller: Caller, user_id: uuid.UUID | None) -> Conversation:
    """The tenant's conversation that the caller may know of, of that person if one is given.
    Raises Refused."""
    found = Conversation.objects.select_related("agent", "access_token").filter(
        id=as_uuid(first.conversation, "conversation")
    )
    if user_id is not None:
        found = found.filter(user_id=user_id)
    conversation: Conversation | None = found.first()
    if conversation is None or not is_open_to(caller, conversation):
        raise not_found("conversation")
    return conversation


def is_open_to(caller: Caller, conversation: Conversation) -> bool:
    """Whether a caller of the same tenant may know of it: some are for certain agents, or tests,
    or for one user of the tenant's application."""
    is_of_kind = caller.reaches(conversation.agent_id) and caller.is_test <= conversation.is_test
    return is_of_kind and is_held_by(caller, conversation)


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
            begun = Conversation.objects.get(id=admitted.conversation_id)
            end_and_tell(begun, EndReason.CAPACITY_FULL)
            if admitted.ground.access_token_id is not None:
                give_use_back(admitted.ground.access_token_id)
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
    simulated = credential is not None and is_simulated(credential)
    return p.Hello(
        conversation=str(conversation.id),
        agent=p.AgentCard(id=str(agent.id), name=agent.name),
        simulated=simulated or conversation.is_test,
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
