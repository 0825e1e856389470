from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.tenancy import tenant_scope
from conversations.models import Agent, Conversation, UsageDay
from conversations.retention import OnHold, StillRunning, erase_conversation
from conversations.retention.erasing import delete_conversations
from conversations.states import ConversationState
from tests.cast import Cast
from tests.conversations.retention.kept import audited, flacs, full_talk, hold, rows_of, used
from tests.conversations.talks import add_turn, make_agent, make_conversation

pytestmark = pytest.mark.django_db


def test_everything_of_a_conversation_goes_and_nothing_else(
    cast: Cast,
    agent: Agent,
    files: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    talk, other = full_talk(agent, cast.acme.member), full_talk(agent, cast.acme.member)
    used(cast.acme.tenant)
    before = rows_of(other)
    assert len(before) == 10
    with django_capture_on_commit_callbacks(execute=True):
        counts = erase_conversation(talk, actor="key:1")
        assert flacs(files) == 4  # no file goes before the rows are surely gone
    assert rows_of(talk) == {}
    assert rows_of(other) == before
    assert flacs(files) == 2
    assert (counts["turns"], counts["notes"], counts["pieces of recordings"]) == (2, 1, 2)
    [entry] = audited(cast.acme.tenant, "conversation.erased")
    assert (entry.object_id, entry.actor, entry.after) == (str(talk.pk), "key:1", counts)
    with tenant_scope(cast.acme.tenant.pk):
        assert UsageDay.objects.get(whose="tenant").talked_ms == 60_000
    assert erase_conversation(talk, actor="key:1") == {}
    assert len(audited(cast.acme.tenant, "conversation.erased")) == 1


def test_what_runs_or_is_held_stays(cast: Cast, agent: Agent) -> None:
    running = full_talk(agent, None, state=ConversationState.LIVE, end_reason="", ended_at=None)
    held = full_talk(agent, None, end_user="c-1")
    before = rows_of(running), rows_of(held)
    with pytest.raises(StillRunning, match="End it first"):
        erase_conversation(running, actor="system")
    hold(cast.acme.tenant, "end-user", end_user="c-1")
    with pytest.raises(OnHold, match="legal hold"):
        erase_conversation(held, actor="system")
    assert (rows_of(running), rows_of(held)) == before
    assert audited(cast.acme.tenant, "conversation.erased") == []


def test_another_tenants_is_out_of_reach(cast: Cast, agent: Agent) -> None:
    theirs = make_conversation(make_agent(cast.globex.tenant), None)
    with tenant_scope(cast.acme.tenant.pk):
        delete_conversations([theirs.pk])
    assert rows_of(theirs) == {"Turn": 2, "Conversation": 1}


def test_many_rows_take_no_more_statements_than_few(cast: Cast, agent: Agent) -> None:
    def statements(talks: list[Conversation]) -> int:
        with (
            tenant_scope(agent.tenant_id),
            transaction.atomic(),
            CaptureQueriesContext(connection) as seen,
        ):
            delete_conversations([talk.pk for talk in talks])
        return len(seen)

    few = [full_talk(agent, cast.acme.member)]
    many = [full_talk(agent, cast.acme.member) for _ in range(4)]
    for number in range(120):
        add_turn(many[0], 100 + number, "And then?")
    assert statements(few) == statements(many)
