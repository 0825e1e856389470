"""Who listens to what others said is noted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts.audit import record
from accounts.models import AuditEntry
from conversations.models import Conversation

# Who listens on within this time is listening still.
LISTENING_IS_ONE: Final = timedelta(minutes=10)
LISTENED: Final = "recording.played"


def record_listening(found: Conversation, actor: str) -> None:
    """Note who listens: once, though a player asks for one piece after another."""
    since = timezone.now() - LISTENING_IS_ONE
    subject = {"object_type": found._meta.label_lower, "object_id": str(found.pk)}
    of_it = AuditEntry.objects.filter(**subject)
    if not of_it.filter(action=LISTENED, actor=actor, at__gt=since).exists():
        record(LISTENED, found, actor=actor)
