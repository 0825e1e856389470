import pytest

from accounts.tenancy import tenant_scope
from conversations.models import Agent, Conversation
from conversations.retention.person import Nobody, Person, effects, find, names_of
from tests.cast import Cast
from tests.conversations.retention.kept import full_talk, hold
from tests.conversations.talks import make_agent

pytestmark = pytest.mark.django_db


def test_a_person_is_found_by_address_or_by_the_programs_own_id(cast: Cast, agent: Agent) -> None:
    full_talk(agent, None, end_user="c-1")
    full_talk(make_agent(cast.globex.tenant), None, end_user="c-2")
    with tenant_scope(cast.acme.tenant.pk):
        assert find(" Member@acme.example ") == Person(user_id=cast.acme.member.pk)
        assert find("c-1") == Person(end_user="c-1")
        for unknown in ("", "c-2", cast.globex.member.email):
            with pytest.raises(Nobody):
                find(unknown)


def test_what_erasing_does_is_told_with_counts(cast: Cast, agent: Agent) -> None:
    talk = full_talk(agent, cast.acme.member)
    full_talk(agent, cast.acme.admin)
    with tenant_scope(cast.acme.tenant.pk):
        told = " ".join(effects(Person(user_id=cast.acme.member.pk)))
        row = Conversation.objects.get(pk=talk.pk)
        assert cast.acme.member.email in names_of(row)
    for part in ("1 conversation no", "1 turn of this", "2 pieces", "1 turn of others"):
        assert part in told
    assert "The membership ends" in told


def test_who_is_held_by_name_or_by_one_conversation(cast: Cast, agent: Agent) -> None:
    acme = cast.acme.tenant
    member, user = Person(user_id=cast.acme.member.pk), Person(end_user="c-1")
    talk = full_talk(agent, cast.acme.member)
    with tenant_scope(acme.pk):
        assert (member.is_held(), user.is_held()) == (False, False)
    hold(acme, "conversation", conversation=talk)
    hold(acme, "end-user", end_user="c-1")
    hold(cast.globex.tenant)
    with tenant_scope(acme.pk):
        assert (member.is_held(), user.is_held()) == (True, True)
        assert not Person(end_user="c-2").is_held()
