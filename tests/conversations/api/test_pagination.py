"""Keyset pages: every row once, in order, whatever the page size; and no cursor but ours."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.tenancy import tenant_scope
from conversations.api.pagination import InSpokenOrder, NewestFirst, decode, encode
from conversations.api.problems import InvalidCursor
from conversations.models import Conversation, Turn
from tests.cast import Cast
from tests.conversations.talks import add_turn, make_agent, make_conversation


class Pairs(InSpokenOrder):
    page_size = 2


def asked(cursor: str = "") -> Request:
    return Request(APIRequestFactory().get("/turns/", {"cursor": cursor} if cursor else {}))


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    return make_conversation(make_agent(cast.acme.tenant), cast.acme.member, [])


def test_goes_by_every_column_of_the_order(conversation: Conversation) -> None:
    places = [(1, 1), (1, 7), (2, 1), (2, 3), (10, 1)]
    with tenant_scope(conversation.tenant_id):
        for epoch, first_seq in reversed(places):
            turn = add_turn(conversation, first_seq * 100 + epoch, "word")
            Turn.objects.filter(pk=turn.pk).update(epoch=epoch, first_seq=first_seq)
        assert walk() == places


def walk() -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    cursor = ""
    while True:
        pages = Pairs()
        rows = pages.paginate_queryset(Turn.objects.all(), asked(cursor))
        seen += [(row.epoch, row.first_seq) for row in rows]
        if pages.next_link is None:
            return seen
        assert len(rows) == Pairs.page_size
        cursor = pages.cursor_of(rows[-1])


def test_the_next_page_keeps_the_filters(conversation: Conversation) -> None:
    for number in range(3):
        add_turn(conversation, number + 1, "word")
    request = Request(APIRequestFactory().get("/turns/", {"state": "final"}))
    pages = Pairs()
    with tenant_scope(conversation.tenant_id):
        pages.paginate_queryset(Turn.objects.all(), request)
    assert pages.next_link is not None
    assert "state=final" in pages.next_link


@given(st.lists(st.integers() | st.text(), min_size=1, max_size=3))
def test_a_cursor_gives_back_its_position(position: list[object]) -> None:
    assert decode(encode(position), len(position)) == position


@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        decode(text, 2)


@pytest.mark.parametrize("position", [["not an id"], [{"a": 1}], [None], [[1]], 5, ["a", "b"]])
def test_a_forged_position_is_refused(conversation: Conversation, position: object) -> None:
    text = urlsafe_b64encode(json.dumps(position).encode()).decode()
    with tenant_scope(conversation.tenant_id), pytest.raises(InvalidCursor):
        NewestFirst().paginate_queryset(Conversation.objects.all(), asked(text))


@pytest.mark.parametrize("number", [10**30, -(10**30), 1.5, True])
def test_a_number_that_no_column_holds_is_no_fault_of_ours(
    conversation: Conversation, number: object
) -> None:
    text = encode([number, number])
    with tenant_scope(conversation.tenant_id):
        add_turn(conversation, 1, "word")
        try:
            rows = InSpokenOrder().paginate_queryset(Turn.objects.all(), asked(text))
        except InvalidCursor:
            return
    assert rows is not None


def test_as_many_as_are_asked_for(conversation: Conversation) -> None:
    for number in range(4):
        add_turn(conversation, number + 1, "word")
    with tenant_scope(conversation.tenant_id):
        pages = InSpokenOrder()
        request = Request(APIRequestFactory().get("/turns/", {"limit": "3"}))
        assert len(pages.paginate_queryset(Turn.objects.all(), request)) == 3
        assert pages.next_link is not None
        assert "limit=3" in pages.next_link


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "", "1.5", "٣", "9" * 40])
def test_a_limit_has_its_own(conversation: Conversation, limit: str) -> None:
    request = Request(APIRequestFactory().get("/turns/", {"limit": limit}))
    with tenant_scope(conversation.tenant_id), pytest.raises(ValidationError, match="1 to 200"):
        InSpokenOrder().paginate_queryset(Turn.objects.all(), request)
