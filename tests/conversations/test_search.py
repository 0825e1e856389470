"""Conversations are found by what was said in them, by full text and under row security."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from accounts.tenancy import NoTenantScope, platform_scope, tenant_scope
from conversations.models import Agent, Conversation, Turn
from conversations.search import with_words
from conversations.states import TurnState
from tests.cast import Cast
from tests.conversations.talks import add_turn, make_agent, make_conversation


def found(text: str) -> set[Any]:
    return set(with_words(Conversation.objects.all(), text).values_list("pk", flat=True))


def test_finds_what_was_said_and_forgets_what_is_gone(cast: Cast, agent: Agent) -> None:
    shoes = make_conversation(agent, None, ["Do you have RED shoes?", "Yes, two pairs in Lyon."])
    boots = make_conversation(agent, None, ["Boots, please.", "Größe 42 is red."])
    add_turn(boots, 21, "Brown leather", state=TurnState.PARTIAL)
    theirs = make_conversation(make_agent(cast.globex.tenant), None, ["Red shoes"])
    with tenant_scope(cast.acme.tenant.pk):
        assert found("red") == {shoes.pk, boots.pk}
        assert found("shoes red") == {shoes.pk}
        assert found("größe") == {boots.pk}
        assert found('"two pairs"') == {shoes.pk}
        assert found("lyon or boots") == {shoes.pk, boots.pk}
        assert found("red -shoes") == {boots.pk}
        # Each within one turn; what is not finished may change; half a word is none.
        assert not found("lyon red") | found("leather") | found("sho")
        # What cannot be a search, or tries to be more than one.
        for text in ("", "  ", "-", "'", '"', "!!", "(", "'; DROP TABLE x", "%", "a" * 5000):
            assert not found(text)
        assert not found(f"'#{cast.globex.tenant.pk}'")
        Turn.objects.filter(conversation=boots, state=TurnState.PARTIAL).update(
            state=TurnState.FINAL
        )
        assert found("leather") == {boots.pk}
        Turn.objects.filter(conversation=boots).update(text="", state=TurnState.REDACTED)
        assert found("red") == {shoes.pk}
        Turn.objects.filter(conversation=shoes).delete()
        assert not found("red")
    with platform_scope("test"):
        assert found("red") == {theirs.pk}


def test_outside_of_a_scope_nothing_is_found(cast: Cast, agent: Agent) -> None:
    make_conversation(agent, None, ["Red shoes"])
    with pytest.raises(NoTenantScope):
        found("red")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM conversations_with_words('red')")
        assert cursor.fetchone() == (0,)
