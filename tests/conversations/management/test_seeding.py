"""The past conversations of the demo look like real ones."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Membership, Tenant, User
from accounts.roles import Role
from accounts.tenancy import tenant_scope
from conversations.management.seeding import (
    demo_data,
    seed_agents,
    seed_conversations,
    seed_member,
    seed_tenant,
    uuid7_at,
)
from conversations.models import Agent, Conversation, Turn, Usage
from conversations.states import EndReason, Speaker, TurnState
from conversations.usage import talked_ms
from tests.cast import Cast

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ACME, GLOBEX = demo_data().tenants


@pytest.fixture
def seeded(cast: Cast) -> Tenant:
    """Acme, with the demo's agents and conversations."""
    people: dict[str, User] = {role: getattr(cast.acme, role) for role in Role}
    with tenant_scope(cast.acme.tenant.id):
        seed_agents(cast.acme.tenant, ACME.agents)
        assert seed_conversations(cast.acme.tenant, ACME.conversations, people, NOW) == 13
    return cast.acme.tenant


def test_the_data_fits_together() -> None:
    for tenant in (ACME, GLOBEX):
        agents = {agent.slug for agent in tenant.agents}
        assert set(tenant.people) == set(Role)
        for past in tenant.conversations:
            assert past.agent in agents
            assert past.who in tenant.people
            assert all(bool(line.user) != bool(line.agent) for line in past.lines)
            assert past.lines[0].user


def test_the_shop_has_facts_to_answer_from() -> None:
    facts = [line for line in ACME.agents[0].prompt.splitlines() if line.startswith("Fact: ")]
    assert len(facts) >= 15
    assert all(place in "".join(facts) for place in ("Lyon", "Paris"))


def test_conversations_sort_by_when_they_began(seeded: Tenant) -> None:
    with tenant_scope(seeded.id):
        began = list(Conversation.objects.order_by("-id").values_list("started_at", flat=True))
    assert began == sorted(began, reverse=True)
    assert NOW - timedelta(days=25) < began[-1] < began[0] < NOW


def test_each_has_ended_with_turns_in_time(seeded: Tenant) -> None:
    with tenant_scope(seeded.id):
        for row in Conversation.objects.all():
            turns = list(row.turns.all())
            assert row.duration_ms is not None
            assert all((turn.end_ms or 0) < row.duration_ms for turn in turns)
            starts = [turn.start_ms for turn in turns]
            assert starts == sorted(starts)
            assert all(one.last_seq < two.first_seq for one, two in zip(turns, turns[1:]))  # noqa: B905, RUF007
            end = row.events.latest("seq")
            assert (end.data, end.seq) == ({"reason": row.end_reason}, row.last_seq)


def test_some_went_wrong(seeded: Tenant) -> None:
    with tenant_scope(seeded.id):
        reasons = set(Conversation.objects.values_list("end_reason", flat=True))
        cut = Conversation.objects.filter(turns__state=TurnState.INTERRUPTED).distinct()
        assert cut.count() >= 3
        kinds = set(cut.values_list("events__kind", flat=True))
    assert {EndReason.NETWORK_LOST, EndReason.IDLE_LIMIT, EndReason.USER_LEFT} <= reasons
    assert {"interrupted", "ended"} <= kinds


def test_typed_words_take_no_time_and_spoken_ones_do(seeded: Tenant) -> None:
    with tenant_scope(seeded.id):
        typed = Conversation.objects.get(first_words__startswith="What does delivery cost")
        first, answer = typed.turns.all()[:2]
    assert (first.speaker, first.end_ms) == (Speaker.USER, first.start_ms)
    assert (answer.end_ms or 0) - answer.start_ms > 2000


def test_seeding_again_adds_nothing(cast: Cast, seeded: Tenant) -> None:
    people: dict[str, User] = {role: getattr(cast.acme, role) for role in Role}
    with tenant_scope(seeded.id):
        Agent.objects.filter(slug="shop-assistant").update(prompt="Changed by hand.")
        seed_agents(seeded, ACME.agents)
        assert seed_conversations(seeded, ACME.conversations, people, NOW) == 0
        assert Agent.objects.get(slug="shop-assistant").prompt == "Changed by hand."
        assert Agent.objects.count() == 2


def test_tenants_and_members_are_made_once(db: None) -> None:
    tenant = seed_tenant(ACME)
    assert seed_tenant(ACME) == tenant
    user = User.objects.create_user("somebody@acme.example")
    with tenant_scope(tenant.id):
        seed_member(tenant, user, Role.REVIEWER)
        seed_member(tenant, user, Role.MEMBER)
        assert [row.role for row in Membership.objects.filter(user=user)] == [Role.REVIEWER]


def test_an_id_of_the_past_carries_its_time() -> None:
    moment = timezone.now() - timedelta(days=9)
    made = uuid7_at(moment)
    assert made.version == 7
    assert made.int >> 80 == int(moment.timestamp() * 1000)
    assert made < uuid7_at(moment + timedelta(milliseconds=1))


def test_what_they_used_is_counted(seeded: Tenant) -> None:
    with tenant_scope(seeded.id):
        talked = sum(row.duration_ms or 0 for row in Conversation.objects.all())
        rows = list(Usage.objects.all())
        answered = set(Turn.objects.filter(speaker=Speaker.AGENT).values_list("conversation"))
        month = talked_ms(seeded.id, since=NOW - timedelta(days=60))
    assert sum(row.talked_ms for row in rows) == talked == month
    answers = [row for row in rows if row.audio_out or row.text_out]
    assert {(row.conversation_id,) for row in answers} == answered
    assert all(row.audio_in or row.text_in for row in answers)
