import pytest
from django.test import Client

from accounts.tenancy import platform_scope
from conversations.models import Conversation
from tests.cast import Cast
from tests.conversations.talks import WORDS, add_event, make_agent, make_conversation, signed_in

pytestmark = pytest.mark.django_db
ROOT = "/admin/conversations/conversation/"


@pytest.fixture
def reviewer(cast: Cast) -> Client:
    return signed_in(cast.acme.reviewer)


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    row = make_conversation(make_agent(cast.acme.tenant), cast.acme.member)
    add_event(row, 9, "interrupted")
    return row


def test_a_record_without_its_words(
    cast: Cast, reviewer: Client, conversation: Conversation
) -> None:
    """Words are read in the review, where it is noted who did."""
    for client in (reviewer, signed_in(cast.operator)):
        page = client.get(f"{ROOT}{conversation.pk}/change/").text
        assert "interrupted" in page
        assert WORDS[0] not in page
        assert 'name="_save"' not in page
    assert f"/review/{conversation.pk}/" in reviewer.get(f"{ROOT}{conversation.pk}/change/").text


def test_a_record_is_neither_made_changed_nor_deleted(
    reviewer: Client, conversation: Conversation
) -> None:
    assert reviewer.get(f"{ROOT}add/").status_code == 403
    for view in ("change", "delete"):
        address = f"{ROOT}{conversation.pk}/{view}/"
        assert reviewer.post(address, {"state": "live", "post": "yes"}).status_code == 403
    with platform_scope("test"):
        conversation.refresh_from_db()
    assert conversation.state == "ended"


def test_the_search_takes_an_id_or_a_persons_address(
    cast: Cast, reviewer: Client, conversation: Conversation
) -> None:
    other = make_conversation(make_agent(cast.acme.tenant, "other"), cast.acme.developer)
    for term in (str(conversation.pk), "member@"):
        page = reviewer.get(ROOT, {"q": term}).text
        assert str(conversation.pk) in page
        assert str(other.pk) not in page
    filtered = reviewer.get(ROOT, {"agent__id__exact": str(other.agent_id)}).text
    assert str(other.pk) in filtered
    assert str(conversation.pk) not in filtered


def test_a_long_conversation_comes_in_pages(cast: Cast, reviewer: Client) -> None:
    row = make_conversation(make_agent(cast.acme.tenant), None, words=["x"] * 120)
    page = reviewer.get(f"{ROOT}{row.pk}/change/").text
    assert page.count("field-speaker") <= 60
