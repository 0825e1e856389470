"""The admin: agents to edit, conversations to look at, for operators only."""

import pytest
from django.contrib.admin.sites import site
from django.test import Client

from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation, Lease
from tests.cast import Cast
from tests.conversations.talks import add_event, make_agent, make_conversation, signed_in

ROOT = "/admin/conversations"


@pytest.fixture
def operator(cast: Cast) -> Client:
    return signed_in(cast.operator)


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    row = make_conversation(make_agent(cast.acme.tenant), cast.acme.member)
    add_event(row, 9, "interrupted")
    return row


def test_lists_the_conversations_of_all_tenants(
    cast: Cast, operator: Client, conversation: Conversation
) -> None:
    other = make_conversation(make_agent(cast.globex.tenant), cast.globex.member)
    page = operator.get(f"{ROOT}/conversation/").content.decode()
    assert str(conversation.id) in page
    assert str(other.id) in page


def test_shows_a_conversation_with_its_turns_and_events(
    operator: Client, conversation: Conversation
) -> None:
    page = operator.get(f"{ROOT}/conversation/{conversation.id}/change/").content.decode()
    assert "Do you have size 42?" in page
    assert "interrupted" in page
    # Nothing to type into but the log-out form's token.
    assert "<textarea" not in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("page", ["conversation/add/", "conversation/{id}/delete/"])
def test_a_record_is_neither_made_nor_deleted(
    operator: Client, conversation: Conversation, page: str
) -> None:
    assert operator.get(f"{ROOT}/{page.format(id=conversation.id)}").status_code == 403


def test_a_record_is_not_changed(operator: Client, conversation: Conversation) -> None:
    answer = operator.post(f"{ROOT}/conversation/{conversation.id}/change/", {"state": "live"})
    assert answer.status_code == 403
    with platform_scope("test"):
        conversation.refresh_from_db()
    assert conversation.state == "ended"


def test_an_agent_is_made_and_changed(cast: Cast, operator: Client) -> None:
    fields = {
        "tenant": cast.acme.tenant.id,
        "slug": "guide",
        "name": "Guide",
        "model": "gemini-3.8-live",
        "voice": "Kore",
        "modality": "AUDIO",
    }
    made = operator.post(f"{ROOT}/agent/add/", fields)
    assert made.status_code == 302
    with platform_scope("test"):
        agent = Agent.objects.get(slug="guide")
    changed = operator.post(f"{ROOT}/agent/{agent.id}/change/", {**fields, "name": "Tour guide"})
    assert changed.status_code == 302
    with platform_scope("test"):
        agent.refresh_from_db()
    assert agent.name == "Tour guide"


def test_the_search_finds_an_agent(cast: Cast, operator: Client) -> None:
    make_agent(cast.acme.tenant, "guide")
    page = operator.get(f"{ROOT}/agent/?q=guide").content.decode()
    assert "1 agent" in page


def test_leases_with_their_handles_are_not_shown() -> None:
    assert not site.is_registered(Lease)


@pytest.mark.parametrize("role", ["owner", "reviewer", "member"])
def test_people_of_a_tenant_stay_outside(cast: Cast, role: str) -> None:
    answer = signed_in(getattr(cast.acme, role)).get(f"{ROOT}/conversation/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
