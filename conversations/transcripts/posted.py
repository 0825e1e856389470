"""What was said past us, kept as it was told: a browser that talks to Google with a token of
Google's has its words, and its application's server posts them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from accounts.audit import record
from conversations.models import AccessToken, Conversation, Turn
from conversations.states import ConversationState, EndReason, Speaker, TurnState
from conversations.webhooks.outbox import announce_all
from conversations.webhooks.telling import ended, finished, started

# So far two clocks may be apart.
CLOCKS: Final = timedelta(minutes=1)
FIRST_WORDS_CHARS: Final = 120


class NotPostable(ValueError):
    """The text says why, for whoever posts it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One turn. Times in ms since the conversation began."""

    speaker: Speaker
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False


def keep_transcript(
    token: AccessToken,
    told: Sequence[Told],
    started_at: datetime,
    ended_at: datetime,
    *,
    actor: str,
    now: datetime,
) -> Conversation:
    """Store a conversation that was held with a token of Google's. It counts as one of its uses.

    Runs in the tenant's scope. Raises NotPostable.
    """
    check_postable(token, started_at, ended_at, now)
    with transaction.atomic():
        unspent = AccessToken.objects.filter(Q(uses=0) | Q(used__lt=F("uses")), pk=token.pk)
        if not unspent.update(used=F("used") + 1):
            raise NotPostable("As many conversations as the token may begin were posted already.")
        row = row_of(token, told, started_at, ended_at)
        row.save(force_insert=True)
        # `auto_now_add` writes the present into a new row.
        Conversation.objects.filter(pk=row.pk).update(started_at=started_at)
        row.started_at = started_at
        turns = Turn.objects.bulk_create(turns_of(row, told))
        announce_all([started(row), *finished(turns), ended(row)])
        record("transcript.posted", row, actor=actor, after={"turns": len(told)})
    return row


def check_postable(
    token: AccessToken, started_at: datetime, ended_at: datetime, now: datetime
) -> None:
    """Raises NotPostable."""
    if token.kind != AccessToken.Kind.GOOGLE or token.agent_id is None:
        raise NotPostable("What is said with a token of Parley's is kept as it is said.")
    if not token.created_at - CLOCKS <= started_at <= token.new_session_expires_at + CLOCKS:
        raise NotPostable("The token began no conversation at that time.")
    if not started_at <= ended_at <= min(now, token.expires_at) + CLOCKS:
        raise NotPostable("It ended before it began, or later than the token.")


def row_of(
    token: AccessToken, told: Sequence[Told], started_at: datetime, ended_at: datetime
) -> Conversation:
    said = (each.text for each in told if each.speaker == Speaker.USER)
    return Conversation(
        tenant_id=token.tenant_id,
        agent=token.agent,
        access_token=token,
        end_user=token.end_user,
        end_user_name=token.end_user_name,
        is_test=token.is_test,
        state=ConversationState.ENDED,
        end_reason=EndReason.USER_LEFT,
        ended_at=ended_at,
        first_words=next(said, "")[:FIRST_WORDS_CHARS],
        last_epoch=1,
        last_seq=2 * len(told),
    )


def turns_of(row: Conversation, told: Sequence[Told]) -> list[Turn]:
    return [
        Turn(
            tenant_id=row.tenant_id,
            conversation=row,
            epoch=1,
            first_seq=2 * place + 1,
            last_seq=2 * place + 2,
            speaker=each.speaker,
            state=TurnState.INTERRUPTED if each.interrupted else TurnState.FINAL,
            text=each.text,
            start_ms=each.start_ms,
            end_ms=each.end_ms,
        )
        for place, each in enumerate(told)
    ]
