"""What happened, as it is told: the payloads of docs/reference/webhooks.md."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from accounts.models import Credential
from accounts.signals import credential_failed
from conversations.models import Conversation, Export, Turn, WebhookEvent, WebhookKind
from conversations.states import EndReason, TurnState
from conversations.webhooks.outbox import Announcement, announce, announce_all


def time_of(moment: datetime | None) -> str | None:
    """As the API writes times."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


# -- Conversations -----------------------------------------------------------------------------


def started(row: Conversation) -> Announcement:
    return _of(WebhookKind.CONVERSATION_STARTED, row, _about(row))


def ended(row: Conversation) -> Announcement:
    told = {
        "ended_at": time_of(row.ended_at),
        "duration_ms": row.duration_ms,
        "end_reason": str(row.end_reason),
    }
    return _of(WebhookKind.CONVERSATION_ENDED, row, _about(row) | told)


def _of(kind: WebhookKind, row: Conversation, told: dict[str, Any]) -> Announcement:
    return Announcement(kind, row.tenant_id, str(row.pk), {"conversation": told}, row.pk)


def _about(row: Conversation) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "agent": str(row.agent_id),
        "user": str(row.user_id) if row.user_id else None,
        "end_user": row.end_user or None,
        "is_test": row.is_test,
        "started_at": time_of(row.started_at),
    }


def end_and_tell(row: Conversation, reason: EndReason) -> bool:
    """End a conversation that no worker hosts, in the caller's transaction. Returns whether it
    was not over before."""
    if not row.end(reason):
        return False
    row.refresh_from_db(fields=["state", "ended_at", "end_reason"])
    announce_all([ended(row)])
    return True


# -- What is not a conversation ----------------------------------------------------------------


def export_ready(row: Export) -> Announcement:
    told = {
        "id": str(row.pk),
        "format": row.format,
        "redacted": row.is_redacted,
        "conversations": row.conversations_done,
        "turns": row.turns_done,
        "bytes": row.bytes,
        "sha256": row.sha256,
        "expires_at": time_of(row.expires_at),
    }
    return Announcement(WebhookKind.EXPORT_READY, row.tenant_id, str(row.pk), {"export": told})


@receiver(credential_failed)
def tell_credential(credential: Credential, **_: Any) -> None:
    """A credential has stopped working: told once for each time."""
    told = {
        "id": str(credential.pk),
        "name": credential.name,
        "state": str(credential.state),
        "problem": credential.failure_code,
        "explanation": credential.failure,
        "failed_at": time_of(credential.failed_at),
        "rests_until": time_of(credential.rests_until),
    }
    subject = f"{credential.pk} {credential.version} {credential.state} {told['failed_at']}"
    kind = WebhookKind.CREDENTIAL_FAILING
    announce(kind, credential.tenant_id, {"credential": told}, subject=subject)


# -- Turns -------------------------------------------------------------------------------------


def tell_turns(rows: Iterable[Turn]) -> None:
    announce_all(finished(rows))


def finished(rows: Iterable[Turn]) -> list[Announcement]:
    """Of those turns that nothing will be added to."""
    return [_finished(row) for row in rows if row.state != TurnState.PARTIAL]


def _finished(row: Turn) -> Announcement:
    """Without its words: `data_of` adds them when it is sent."""
    told = {
        "turn": row.key,
        "speaker": str(row.speaker),
        "state": str(row.state),
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
    }
    return Announcement(
        WebhookKind.TURN_FINAL,
        row.tenant_id,
        f"{row.conversation_id} {row.key}",
        {"conversation": str(row.conversation_id), "turn": told},
        row.conversation_id,
    )


def data_of(event: WebhookEvent) -> dict[str, Any]:
    """The payload's `data`, now. A turn has the words that it has now, so what was redacted
    meanwhile is sent so; one that was deleted has none."""
    data: dict[str, Any] = event.data
    if event.kind != WebhookKind.TURN_FINAL:
        return data
    told = data["turn"]
    epoch, _, first_seq = told["turn"].partition(".")
    turns = Turn.objects.filter(
        conversation=event.conversation_id, epoch=epoch, first_seq=first_seq
    )
    now = turns.values("text", "state").first() or {"text": None, "state": TurnState.REDACTED}
    return data | {"turn": told | now}
