from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from conversations.models import Agent, Conversation
from conversations.recordings.deleting import delete_old_recordings
from conversations.retention.due import (
    Kind,
    Policy,
    erase_batch,
    erase_what_is_due,
    preview,
    save_policy,
)
from conversations.states import ConversationState
from tests.cast import Cast
from tests.conversations.retention.kept import audited, flacs, full_talk, hold, rows_of
from tests.conversations.talks import make_agent

pytestmark = pytest.mark.django_db


def keep(tenant: Tenant, text: int | None, audio: int, events: int | None) -> None:
    with tenant_scope(tenant.pk):
        save_policy(tenant.pk, Policy(text, audio, events), actor="system")


def told(tenant: Tenant, policy: Policy, now: datetime) -> dict[Kind, tuple[int, int, int]]:
    with tenant_scope(tenant.pk):
        return {due.kind: (due.conversations, due.rows, due.held) for due in preview(policy, now)}


def test_each_kind_goes_when_its_time_is_over_as_was_told_before(
    cast: Cast,
    agent: Agent,
    files: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    acme, now = cast.acme.tenant, timezone.now()
    old, new = (full_talk(agent, cast.acme.member, days_ago=days) for days in (10, 2))
    theirs = full_talk(make_agent(cast.globex.tenant), None, days_ago=10)
    before = rows_of(new)
    policy = Policy(text=5, audio=7, events=None)
    assert told(acme, policy, now) == {
        Kind.TEXT: (1, 2, 0),
        Kind.AUDIO: (1, 2, 0),
        Kind.EVENTS: (0, 0, 0),
    }
    with tenant_scope(acme.pk):
        text, _, events = preview(policy, now)
    assert text.next_at is not None
    assert (text.next_at.date(), events.next_at) == ((now + timedelta(days=3)).date(), None)
    keep(acme, 5, 7, None)
    with django_capture_on_commit_callbacks(execute=True):
        assert erase_what_is_due(now) == 2
    assert rows_of(old) == {
        "Conversation": 1,
        "Event": 1,
        "Tag": 1,
        "Consent": 1,
        "Usage": 1,
        "WebhookEvent": 1,
    }
    assert rows_of(new) == before
    assert rows_of(theirs) == before
    assert flacs(files) == 4
    with tenant_scope(acme.pk):
        shell = Conversation.objects.get(pk=old.pk)
    assert (shell.first_words, shell.text_erased_at) == ("", now)
    text_entry, audio_entry = audited(acme, "retention.erased")
    assert text_entry.after == {
        "kind": "text",
        "conversations": 1,
        "notes": 1,
        "turns": 2,
        "tool calls": 1,
    }
    assert audio_entry.after == {"kind": "audio", "pieces of recordings": 2}
    assert erase_what_is_due(now) == 0
    assert len(audited(acme, "retention.erased")) == 2
    keep(acme, None, 30, 1)
    assert erase_what_is_due(now) == 1
    assert "Event" not in rows_of(old) | rows_of(new)
    assert erase_what_is_due(now) == 0


def test_what_is_held_or_runs_stays_also_past_a_promise(
    cast: Cast, agent: Agent, files: Path
) -> None:
    acme, later = cast.acme.tenant, timezone.now() + timedelta(days=60)
    held = full_talk(agent, cast.acme.member, days_ago=10)
    running = full_talk(agent, None, state=ConversationState.LIVE, end_reason="", ended_at=None)
    before = rows_of(held), rows_of(running)
    row = hold(acme, "person", person=cast.acme.member.pk)
    hold(acme, "conversation", conversation=running)
    keep(acme, 1, 1, 1)
    assert erase_what_is_due(later) == 0
    assert delete_old_recordings(later) == 0
    assert (rows_of(held), rows_of(running)) == before
    assert told(acme, Policy(1, 1, 1), later) == dict.fromkeys(Kind, (0, 0, 1))
    with tenant_scope(acme.pk):
        row.delete()
    assert erase_what_is_due(later) == 3
    assert rows_of(running) == before[1]


def test_nobody_keeps_less_than_the_operator_says(
    cast: Cast, agent: Agent, settings: Settings
) -> None:
    acme = cast.acme.tenant
    full_talk(agent, None, days_ago=10)
    keep(acme, 5, 5, 5)
    settings.RETENTION_MIN_DAYS = 30  # it may come later than what was chosen
    assert erase_what_is_due(timezone.now()) == 0
    with tenant_scope(acme.pk), pytest.raises(ValueError, match="30 days or more"):
        save_policy(acme.pk, Policy(None, 30, 29), actor="system")
    [changed] = audited(acme, "retention.changed")
    assert changed.before == {
        "text_kept_days": None,
        "recordings_kept_days": 30,
        "events_kept_days": None,
    }


def test_a_batch_is_small_and_takes_as_many_statements_for_many_as_for_few(
    cast: Cast, agent: Agent
) -> None:
    acme, now = cast.acme.tenant, timezone.now()
    talks = [full_talk(agent, cast.acme.member, days_ago=10) for _ in range(6)]
    keep(acme, 1, 1, 1)
    for kind in Kind:
        seen = []
        for size in (1, 4, 4):
            with CaptureQueriesContext(connection) as statements:
                counts = erase_batch(acme.pk, kind, now, size=size)
            assert counts.get("conversations", size) <= size
            seen.append(len(statements))
        assert seen[0] == seen[1] == seen[2], kind
        assert erase_batch(acme.pk, kind, now) == {}
    assert all({"Turn", "Event", "Recording"}.isdisjoint(rows_of(talk)) for talk in talks)
