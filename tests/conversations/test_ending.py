"""Staff end a conversation: at once where nobody hosts it, through its host otherwise."""

from __future__ import annotations

from accounts.tenancy import tenant_scope
from conversations.ending import end_for_staff
from conversations.models import Agent, Conversation, Event, Lease
from conversations.states import EndReason
from tests.cast import Cast
from tests.conversations.talks import ago, make_conversation, make_open


def test_whoever_asks_first_names_the_reason(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=9), stop_reason=EndReason.TENANT_SUSPENDED)
    with tenant_scope(agent.tenant_id):
        end_for_staff(row, "system")
        assert (row.state, row.end_reason) == ("ended", "tenant-suspended")
        assert not Lease.objects.exists()
        assert Event.objects.get().data == {"reason": "tenant-suspended"}


def test_what_is_hosted_is_left_to_its_host(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(seconds=-60))
    with tenant_scope(agent.tenant_id):
        end_for_staff(row, "system")
        assert (row.state, row.stop_reason) == ("live", "staff-ended")
        assert Lease.objects.filter(conversation=row).exists()


def test_what_has_ended_stays_as_it_is(cast: Cast, agent: Agent) -> None:
    row = make_conversation(agent, cast.acme.member)
    with tenant_scope(agent.tenant_id):
        end_for_staff(row, "system")
        stored = Conversation.objects.get(pk=row.pk)
        assert (stored.end_reason, stored.stop_reason) == ("user-left", "")
        assert not Event.objects.exists()
