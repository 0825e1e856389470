"""Who owns a conversation, and who looks on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.protocol import Mode
from conversations.worker.presence import MAX_OBSERVERS, Presence, TooManyObservers

MODES: tuple[Mode, ...] = ("take", "join", "observe")


def test_a_second_page_looks_on_until_it_takes() -> None:
    presence: Presence[str] = Presence()
    assert presence.come("first", "a", "join") == []
    assert presence.come("second", "b", "join") == []
    assert (presence.role_of("first"), presence.role_of("second")) == ("owner", "observer")
    assert sorted(presence.come("second again", "b", "take")) == ["first", "second"]
    assert presence.owner == "second again"
    assert presence.observers == set()


def test_a_page_that_comes_back_replaces_its_own_socket() -> None:
    """The old connection may linger for long after the network has changed."""
    presence: Presence[str] = Presence()
    presence.come("wifi", "a", "take")
    assert presence.come("mobile", "a", "join") == ["wifi"]
    assert presence.owner == "mobile"
    assert not presence.go("wifi"), "it was let go before: the page is not gone"
    assert presence.go("mobile")
    assert presence.owner is None


def test_a_page_that_lost_it_does_not_take_it_back_by_coming_back() -> None:
    presence: Presence[str] = Presence()
    presence.come("first", "a", "take")
    assert presence.come("second", "b", "take") == ["first"]
    assert presence.come("first again", "a", "join") == []
    assert presence.role_of("first again") == "observer"


def test_observers_are_bounded_and_the_owner_is_not_one_of_them() -> None:
    presence: Presence[int] = Presence()
    for number in range(MAX_OBSERVERS):
        presence.come(number, f"page {number}", "observe")
    assert presence.owner is None
    with pytest.raises(TooManyObservers):
        presence.come(99, "one more", "observe")
    assert presence.come(100, "page 0", "observe") == [0], "its own older socket makes room"
    assert presence.come(101, "the owner", "join") == []
    with pytest.raises(TooManyObservers):
        presence.come(102, "a second tab", "join")
    assert presence.role_of(101) == "owner"


def test_a_speaker_is_heard_for_the_page_that_owns_it_and_takes_nothing() -> None:
    presence: Presence[str] = Presence()
    assert presence.come("early", "a", "speak") == []
    assert presence.hears("early"), "nobody else has it"
    presence.come("stream", "a", "take")
    assert presence.come("post", "a", "speak") == []
    assert presence.come("stranger", "b", "speak") == []
    assert presence.owner == "stream"
    assert (presence.hears("post"), presence.hears("stranger")) == (True, False)
    assert presence.role_of("stranger") == "observer"
    assert not presence.go("post")
    assert not presence.hears("post")
    presence.come("elsewhere", "c", "take")
    assert not presence.hears("early")


def test_speakers_are_bounded() -> None:
    presence: Presence[int] = Presence()
    for number in range(MAX_OBSERVERS):
        presence.come(number, "a", "speak")
    with pytest.raises(TooManyObservers):
        presence.come(99, "a", "speak")
    presence.go(0)
    assert presence.come(99, "a", "speak") == []


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(MODES), st.booleans())))
def test_one_owner_and_one_socket_for_each_page(visits: list[tuple[str, Mode, bool]]) -> None:
    presence: Presence[int] = Presence()
    inside: dict[int, str] = {}
    for number, (page, mode, leaves) in enumerate(visits):
        owner = presence.owner
        gone = presence.come(number, page, mode)
        for guest in gone:
            del inside[guest]
        inside[number] = page
        assert len(set(inside.values())) == len(inside)
        assert presence.observers | ({presence.owner} - {None}) == set(inside)
        if mode == "take":
            assert presence.owner == number
        elif owner is not None and owner not in gone:
            assert presence.owner == owner
        if leaves:
            was_owner = presence.owner == number
            assert presence.go(number) == was_owner
            del inside[number]
