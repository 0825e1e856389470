"""Which tool calls were begun: each is made at most once, by whoever has the conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.models import Agent, Lease, ToolCall
from conversations.states import CallState
from conversations.tools.ledger import (
    Host,
    LeftCall,
    NotOurs,
    begin,
    finish,
    give_up,
    not_begun,
    take,
    unknown,
)
from conversations.tools.outcomes import Outcome, cancelled
from tests.cast import Cast
from tests.conversations.talks import ago, make_open

pytestmark = pytest.mark.usefixtures("all_tenants")

GOOD = Outcome({"pairs": 2}, CallState.SUCCEEDED, "200 OK")


@pytest.fixture
def host(agent: Agent, cast: Cast) -> Host:
    row = make_open(agent, cast.acme.member, ago(seconds=1))
    return Host(row.pk, row.tenant_id, epoch=1)


def take_over(host: Host) -> Host:
    Lease.objects.filter(conversation=host.conversation_id).update(epoch=host.epoch + 1)
    return replace(host, epoch=host.epoch + 1)


def test_a_call_is_made_once_and_its_answer_kept(host: Host) -> None:
    assert begin(host, "fc-1", "stock") is None
    assert begin(host, "fc-1", "stock") == unknown(), "nobody knows yet how it ends"
    finish(host, "fc-1", GOOD)
    assert begin(host, "fc-1", "stock") == GOOD
    finish(host, "fc-1", cancelled())
    assert begin(host, "fc-1", "stock") == GOOD, "an end that was noted stays"
    assert begin(host, "fc-2", "stock") is None


def test_who_lost_the_conversation_begins_and_ends_nothing(host: Host) -> None:
    begin(host, "fc-1", "stock")
    take_over(host)
    with pytest.raises(NotOurs):
        begin(host, "fc-2", "stock")
    with pytest.raises(NotOurs):
        finish(host, "fc-1", GOOD)
    assert [call.state for call in ToolCall.objects.all()] == ["running"]


def test_what_a_lost_worker_had_begun_is_given_up(host: Host) -> None:
    for number in (1, 2):
        begin(host, f"fc-{number}", "stock")
    finish(host, "fc-1", GOOD)
    later = take_over(host)
    over = LeftCall("fc-1", "stock", GOOD, was_over=True)
    lost = LeftCall("fc-2", "stock", unknown())
    asked_at, now = ToolCall.objects.earliest("id").created_at, timezone.now()
    assert give_up(later, now, asked_at) == [over, lost]
    assert give_up(later, now) == []
    assert give_up(later, now, now) == []
    assert begin(later, "fc-2", "stock") == unknown()
    assert begin(later, "fc-1", "stock") == GOOD
    assert unknown().response["error"]["code"] == "outcome_unknown"


def test_a_page_takes_a_call_once(host: Host) -> None:
    answer_by = timezone.now() + timedelta(seconds=10)
    assert begin(host, "fc-1", "clock", answer_by=answer_by) is None
    assert take(host, "fc-1")
    assert not take(host, "fc-1")
    assert not take(host, "fc-2"), "nobody asked"
    finish(host, "fc-1", GOOD)
    assert begin(host, "fc-1", "clock", answer_by=answer_by) == GOOD
    take_over(host)
    with pytest.raises(NotOurs):
        take(host, "fc-1")


def test_what_a_page_has_begun_goes_on_and_what_it_had_not_was_not_made(host: Host) -> None:
    now = timezone.now()
    for name, left_s in (("taken", 10), ("asked", 10), ("late", -1)):
        begin(host, name, "clock", answer_by=now + timedelta(seconds=left_s))
    take(host, "taken")
    take(host, "late")
    later = take_over(host)
    assert give_up(later, now) == [
        LeftCall("taken", "clock", None, 10.0),
        LeftCall("asked", "clock", not_begun()),
        LeftCall("late", "clock", unknown()),
    ]
    finish(later, "taken", GOOD)
    assert begin(later, "taken", "clock") == GOOD
