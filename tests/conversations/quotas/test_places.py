"""A place is given once, on a real database with threads that ask at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.db import connections, transaction

from accounts.tenancy import tenant_scope
from conversations.models import Agent, Conversation, Lease
from conversations.quotas.parties import Parties, stack_for
from conversations.quotas.places import LimitReached, check_room, take_place_again
from conversations.states import ConversationState
from tests.conversations.quotas.ledger import limit, running, used
from tests.conversations.talks import ago, make_agent, make_conversation, make_open

if TYPE_CHECKING:
    from accounts.models import User
    from tests.cast import Cast


def begin(agent: Agent, user: User) -> str:
    """As admission does; the code of a refusal, or nothing."""
    with tenant_scope(agent.tenant_id):
        stack = stack_for(agent, user.pk)
        try:
            with transaction.atomic():
                check_room(Parties(agent.tenant_id, agent.pk, user.pk), stack)
                row = Conversation.objects.create(agent=agent, user=user)
                Lease.objects.create(conversation=row)
        except LimitReached as reached:
            return reached.refusal.code
    return ""


@pytest.mark.usefixtures("transactional_db")
def test_two_at_once_do_not_both_get_the_last_place(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    limit(cast.acme.tenant, sessions=3)
    together = threading.Barrier(8)

    def ask() -> str:
        try:
            together.wait()
            return begin(agent, cast.acme.member)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        answers = [each.result() for each in [threads.submit(ask) for _ in range(8)]]
    assert sorted(answers) == ["", "", "", *["too-many-conversations"] * 5]
    with tenant_scope(cast.acme.tenant.pk):
        assert Conversation.objects.count() == 3


@pytest.mark.django_db
def test_each_party_has_its_own_places(cast: Cast) -> None:
    tenant = cast.acme.tenant
    agent, other = make_agent(tenant), make_agent(tenant, "other")
    limit(tenant, "member_limits", sessions=1)
    limit(agent, sessions=2)
    assert begin(agent, cast.acme.member) == ""
    assert begin(other, cast.acme.member) == "too-many-conversations"  # the person's own
    assert begin(agent, cast.acme.owner) == ""
    assert begin(agent, cast.acme.admin) == "too-many-conversations"  # the agent's
    assert begin(other, cast.acme.admin) == ""
    assert begin(make_agent(cast.globex.tenant), cast.globex.member) == ""


@pytest.mark.django_db
def test_a_plan_goes_before_what_the_tenant_sets(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    limit(cast.acme.tenant, "plan_limits", sessions=1)
    limit(cast.acme.tenant, sessions=100)
    assert begin(agent, cast.acme.member) == ""
    assert begin(agent, cast.acme.owner) == "too-many-conversations"


@pytest.mark.django_db
def test_nothing_begins_on_a_used_up_budget(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    limit(cast.acme.tenant, day_minutes=60)
    used(cast.globex.tenant, minutes=90)
    used(cast.acme.tenant, minutes=59)
    assert begin(agent, cast.acme.member) == ""
    used(cast.acme.tenant, minutes=60)
    assert begin(agent, cast.acme.member) == "budget-exhausted"
    limit(cast.acme.tenant, day_minutes=61)
    assert begin(agent, cast.acme.member) == ""


@pytest.mark.django_db
def test_what_was_paused_takes_a_place_again(cast: Cast) -> None:
    agent, member = make_agent(cast.acme.tenant), cast.acme.member
    limit(cast.acme.tenant, sessions=1)
    paused = make_open(agent, member, ago(minutes=5))
    [hosted] = running(agent, member)
    with tenant_scope(cast.acme.tenant.pk):
        stack = stack_for(agent, member.pk)
        take_place_again(hosted, stack)  # it has one
        take_place_again(make_conversation(agent, member), stack)  # it has ended: it needs none
        with pytest.raises(LimitReached):
            take_place_again(paused, stack)
        Conversation.objects.filter(pk=hosted.pk).update(state=ConversationState.ENDED)
        take_place_again(paused, stack)
        assert Lease.objects.with_place().get().conversation_id == paused.pk
        # A worker may claim it at once.
        assert Lease.objects.claim(paused.pk, "worker", "address") is not None
