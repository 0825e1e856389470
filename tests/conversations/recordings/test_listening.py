"""Who listens is noted once, and again after a pause."""

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from conversations.models import Agent
from conversations.recordings import listening
from tests.conversations.talks import ago, make_conversation


def test_listening_on_is_one(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_conversation(agent, None)
    with tenant_scope(agent.tenant_id):
        for actor in ("user:a", "user:a", "user:b"):
            listening.record_listening(row, actor)
        entries = AuditEntry.objects.filter(action=listening.LISTENED)
        assert [entry.actor for entry in entries.order_by("id")] == ["user:a", "user:b"]
        later = ago(minutes=-11)
        monkeypatch.setattr(timezone, "now", lambda: later)
        listening.record_listening(row, "user:a")
        assert entries.count() == 3
