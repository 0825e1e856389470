"""Rows of tool calls: each call of a conversation is there once."""

import pytest
from django.db import IntegrityError, transaction

from conversations.models import Agent, ToolCall
from tests.conversations.talks import make_conversation

pytestmark = pytest.mark.usefixtures("all_tenants")


def test_a_call_is_noted_once_in_its_conversation(agent: Agent) -> None:
    row, other = make_conversation(agent, None), make_conversation(agent, None)
    fields = {"tenant_id": row.tenant_id, "call": "fc-1", "name": "stock", "epoch": 1}
    ToolCall.objects.create(conversation=row, **fields)
    ToolCall.objects.create(conversation=other, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        ToolCall.objects.create(conversation=row, **fields)
    assert str(ToolCall.objects.get(conversation=row)) == "stock fc-1"
