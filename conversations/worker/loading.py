"""What a host has to know before it starts, read in one go in a database thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

import live
from accounts.failover.failures import Failure, note_failure
from accounts.failover.line import Line, best_line
from accounts.failover.pacing import take_place
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import Claim, Conversation, Lease, Turn
from conversations.quotas.running import UNLIMITED, standings
from conversations.quotas.timekeeper import Standing
from conversations.recordings.consent import is_recorded
from conversations.recordings.storing import Whose
from conversations.states import ConversationState
from conversations.tools.ledger import Host, LeftCall, give_up
from conversations.tools.toolbox import Toolbox, toolbox_of
from conversations.transcripts.picture import load_picture
from conversations.usage.records import Account
from conversations.versions import as_talked_to, session_config
from conversations.webhooks.telling import tell_turns
from conversations.wishes import from_stored, with_wishes
from conversations.worker.said import open_questions


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation as its new host finds it."""

    conversation_id: uuid.UUID
    tenant_id: uuid.UUID
    epoch: int
    account: Account
    began: datetime
    picture: p.Picture
    age_s: float
    handle: str | None
    config: live.SessionConfig
    line: Line
    standing: Standing = UNLIMITED
    is_recorded: bool = False
    is_test: bool = False
    toolbox: Toolbox = field(default_factory=Toolbox)
    lost_calls: Sequence[LeftCall] = ()

    @property
    def caller(self) -> Host:
        """Under what its tool calls are noted."""
        return Host(self.conversation_id, self.tenant_id, self.epoch)

    @property
    def whose(self) -> Whose:
        """What its recordings are filed under."""
        return Whose(self.conversation_id, self.tenant_id, self.epoch)


def claim(conversation_id: uuid.UUID, worker: str, address: str) -> Case | None:
    """Win the conversation's lease and read its case; None if somebody else has it.

    Raises accounts.credentials.CredentialUnusable when its tenant has none to talk with.
    """
    with platform_scope("worker claims a conversation"):
        won = Lease.objects.claim(conversation_id, worker, address)
        return load(won) if won else None


def load(claim: Claim) -> Case:
    with transaction.atomic():
        close_older_turns(claim)
        conversation = Conversation.objects.select_related(
            "agent", "version", "lease", "access_token"
        ).get(id=claim.conversation_id)
        picture = load_picture(conversation)
    agent = as_talked_to(conversation)
    wishes = from_stored(conversation.wishes)
    toolbox = toolbox_of(agent, wishes.functions)
    picture.state = ConversationState.WAITING
    line = best_line(claim.tenant_id, timezone.now(), for_tests=conversation.is_test)
    put_on(claim.conversation_id, claim.epoch, line)
    return Case(
        conversation_id=claim.conversation_id,
        tenant_id=claim.tenant_id,
        epoch=claim.epoch,
        account=account_of(conversation),
        began=conversation.started_at,
        picture=picture,
        age_s=(timezone.now() - conversation.started_at).total_seconds(),
        handle=conversation.lease.open_handle(),
        config=with_wishes(session_config(agent, toolbox.declarations), wishes),
        line=line,
        standing=standings([claim.conversation_id])[claim.conversation_id],
        is_recorded=is_recorded(conversation),
        is_test=conversation.is_test,
        toolbox=toolbox,
        lost_calls=lost_calls(claim, conversation, picture),
    )


def lost_calls(claim: Claim, conversation: Conversation, picture: p.Picture) -> list[LeftCall]:
    """Of earlier hosts: open ones, and those that were made for what nobody has answered."""
    host = Host(claim.conversation_id, claim.tenant_id, claim.epoch)
    asked = open_questions(picture)
    since = conversation.started_at + timedelta(milliseconds=asked[0].ms) if asked else None
    return give_up(host, timezone.now(), since)


def put_on(conversation_id: uuid.UUID, epoch: int, line: Line) -> None:
    """Tell who counts sessions what this one runs on."""
    leases = Lease.objects.filter(conversation_id=conversation_id, epoch=epoch)
    leases.update(credential_id=line.credential_id)


@dataclass(frozen=True, slots=True)
class Change:
    """The line on which a conversation goes on, in `wait_s` seconds."""

    line: Line
    wait_s: float


def change_line(case: Case, failure: Failure, now: datetime) -> Change:
    """Note what is wrong with a conversation's credential and find what steps in.

    Raises accounts.credentials.CredentialUnusable when nothing does.
    """
    failed = case.line
    with platform_scope("a credential failed"):
        note_failure(failed.credential_id, failed.version, failure, now)
        line = best_line(case.tenant_id, now, without=failed, for_tests=case.is_test)
        put_on(case.conversation_id, case.epoch, line)
        return Change(line, take_place(line.credential_id, now))


def account_of(conversation: Conversation) -> Account:
    token = conversation.access_token
    has_budget = token is not None and "total_spend_micros" in token.limits
    return Account(
        tenant_id=conversation.tenant_id,
        conversation_id=conversation.pk,
        agent_id=conversation.agent_id,
        user_id=conversation.user_id,
        model=conversation.agent.model,
        token_id=conversation.access_token_id if has_budget else None,
    )


def close_older_turns(claim: Claim) -> None:
    """Nobody will finish what a lost host was in the middle of."""
    turns = Turn.objects.filter(conversation_id=claim.conversation_id, epoch__lt=claim.epoch)
    with transaction.atomic():
        tell_turns(turns.close_open_ones())


def live_session(
    case: Case, history: Callable[[], Sequence[live.Content]], unanswered: Sequence[str]
) -> live.LiveSession:
    """The case's session with the model, which insists: a user is waiting."""
    session = live.Session(
        case.config,
        case.line.auth.endpoint_for(case.line.endpoint),
        handle=case.handle or "",
        comeback=live.Comeback(insist=True, waits_for_quota=not case.line.has_standby),
        history=history,
        unanswered=unanswered,
    )
    return live.LiveSession(session, live.Dialer(endpoint=case.line.endpoint, auth=case.line.auth))
