"""Rows of usage: each is written once."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from conversations.models import Agent, Usage
from tests.conversations.talks import make_conversation

pytestmark = pytest.mark.usefixtures("all_tenants")


def test_a_number_is_used_once_in_an_epoch(agent: Agent) -> None:
    row = make_conversation(agent, None)
    today = timezone.now().date()
    report = {"tenant_id": row.tenant_id, "conversation": row, "day": today, "model": "m"}
    Usage.objects.create(epoch=1, number=1, **report)
    Usage.objects.create(epoch=2, number=1, **report)
    with pytest.raises(IntegrityError), transaction.atomic():
        Usage.objects.create(epoch=1, number=1, **report)
    assert [str(each) for each in row.usage.order_by("epoch")] == ["1.1", "2.1"]
