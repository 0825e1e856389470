"""Conversations with something of everything, and what is left of them, for tests."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.leaving.files import name_of
from accounts.models import AuditEntry, Tenant, User
from accounts.tenancy import tenant_scope
from conversations.models import (
    Agent,
    Consent,
    Conversation,
    Event,
    LegalHold,
    Note,
    Recording,
    Tag,
    ToolCall,
    Turn,
    Usage,
    UsageDay,
    WebhookEvent,
)
from conversations.retention.erasing import Counts
from conversations.retention.holds import place_hold
from tests.conversations.talks import add_event, make_conversation

SAID = (
    "I am Ada, ada@example.com. Size 42?",
    "Yes, Ada: two pairs, and +33 1 23 45 67 89 is noted.",
)
MODELS = (Turn, Event, Note, Tag, ToolCall, Recording, Consent, Usage, WebhookEvent)


def full_talk(
    agent: Agent, user: User | None, *, days_ago: float = 0, **fields: Any
) -> Conversation:
    """One that has ended so long ago, with a row in every table and two stored files."""
    ended = timezone.now() - timedelta(days=days_ago)
    fields = {"ended_at": ended, "first_words": SAID[0], **fields}
    talk = make_conversation(agent, user, SAID, **fields)
    add_event(talk, 9, "interrupted")
    with tenant_scope(agent.tenant_id):
        Note.objects.create(conversation=talk, text="Ada again", written_by="system")
        Tag.objects.create(conversation=talk, name="shoes", added_by="system")
        ToolCall.objects.create(
            conversation=talk, call="c1", name="stock", epoch=1, state="answered", summary="2 pairs"
        )
        Usage.objects.create(conversation=talk, epoch=1, number=1, day=ended.date())
        WebhookEvent.objects.create(kind="turn.final", conversation=talk)
        Consent.objects.create(
            conversation=talk,
            given_by="Ada",
            text_version="2026-11.1",
            kept_until=timezone.now() + timedelta(days=30),
        )
        for number, side in enumerate(("user", "agent")):
            name = name_of(agent.tenant_id, "recordings", str(talk.pk), f"{number}.flac")
            Recording.objects.create(
                conversation=talk,
                epoch=1,
                side=side,
                segment=number,
                start_ms=0,
                length_ms=1000,
                rate=16000,
                bytes=4,
                file=default_storage.save(name, ContentFile(b"fLaC")),
            )
    return talk


def used(tenant: Tenant, *users: User) -> None:
    with tenant_scope(tenant.pk):
        day = timezone.now().date()
        UsageDay.objects.create(whose="tenant", subject=tenant.pk, day=day, talked_ms=60_000)
        for user in users:
            UsageDay.objects.create(whose="user", subject=user.pk, day=day, talked_ms=60_000)


def rows_of(talk: Conversation) -> Counts:
    """How many rows there are of a conversation, by model."""
    with tenant_scope(talk.tenant_id):
        counts = {
            model.__name__: model.objects.filter(conversation=talk).count() for model in MODELS
        }
        counts["Conversation"] = Conversation.objects.filter(pk=talk.pk).count()
    return {name: count for name, count in counts.items() if count}


def flacs(files: Path) -> int:
    return len(list(files.rglob("*.flac")))


def hold(tenant: Tenant, covers: str = "tenant", **of: Any) -> LegalHold:
    with tenant_scope(tenant.pk):
        row = LegalHold(tenant=tenant, covers=covers, why="Case 12", placed_by="system", **of)
        place_hold(row)
    return row


def audited(tenant: Tenant, action: str) -> list[AuditEntry]:
    with tenant_scope(tenant.pk):
        return list(AuditEntry.objects.filter(action=action).order_by("id"))
