"""Legal holds: what is held is not erased, neither by the clock nor by anybody who asks."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.audit import record
from accounts.leaving.departures import bar_leaving
from conversations.models import Conversation, LegalHold, lock_holds, on_hold
from conversations.states import ConversationState


# ErasureRefused
# ├── OnHold          a legal hold covers it
# └── StillRunning    it has not ended
class ErasureRefused(Exception):
    """Nothing was erased. The text says why and what would do; `code` is for programs."""

    code = "erasure_refused"


class OnHold(ErasureRefused):
    code = "legal_hold"

    def __init__(self) -> None:
        super().__init__("A legal hold covers this. It can be erased once the hold is lifted.")


class StillRunning(ErasureRefused):
    code = "conversation_running"

    def __init__(self) -> None:
        super().__init__("The conversation still runs. End it first, then erase it.")


BARRED: Final = "A legal hold is in force. Lift it first, or wait until it is lifted."


def check_conversation(conversation: Conversation) -> None:
    """Raises OnHold or StillRunning for one that may not be erased now. Needs `lock_holds`."""
    if Conversation.objects.filter(on_hold(), pk=conversation.pk).exists():
        raise OnHold
    if conversation.state != ConversationState.ENDED:
        raise StillRunning


def place_hold(hold: LegalHold) -> None:
    """Store a hold. What is erased at this moment is erased; from then on nothing is."""
    with transaction.atomic():
        lock_holds(hold.tenant_id)
        hold.save()
        record("legal-hold.placed", hold, actor=hold.placed_by, after=_told(hold))


def lift_hold(hold: LegalHold, *, actor: str) -> None:
    """Let go of a hold. What other holds cover stays held."""
    with transaction.atomic():
        lock_holds(hold.tenant_id)
        record("legal-hold.lifted", hold, actor=actor, before=_told(hold))
        hold.delete()


@bar_leaving
def bars_leaving(tenant_id: UUID) -> str:
    """Why the organisation may not be deleted now; "" if it may. The caller has locked the
    tenant."""
    return BARRED if LegalHold.objects.filter(tenant_id=tenant_id).exists() else ""


def _told(hold: LegalHold) -> dict[str, str]:
    """For the audit, which is never changed: so without a program's own id of its user."""
    told = {"covers": str(hold.covers), "why": hold.why}
    if hold.conversation_id:
        told["conversation"] = str(hold.conversation_id)
    if hold.person:
        told["person"] = str(hold.person)
    return told
