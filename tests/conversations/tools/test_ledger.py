"""Which tool calls were begun: each is made at most once, by whoever has the conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conversations.models import Agent, Lease, ToolCall
from conversations.states import CallState
from conversations.tools.ledger import Host, NotOurs, OpenCall, begin, finish, give_up, unknown
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
    assert [call.state for call in ToolCall.objects.all()] == [""]


def test_what_a_lost_worker_had_begun_is_given_up(host: Host) -> None:
    for number in (1, 2):
        begin(host, f"fc-{number}", "stock")
    finish(host, "fc-1", GOOD)
    later = take_over(host)
    assert give_up(later) == [OpenCall("fc-2", "stock")]
    assert give_up(later) == []
    assert begin(later, "fc-2", "stock") == unknown()
    assert begin(later, "fc-1", "stock") == GOOD
    assert unknown().response["error"]["code"] == "outcome_unknown"
