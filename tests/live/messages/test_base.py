import msgspec
import pytest

from live.messages import Empty, Part, text_content


def test_no_word_shows_in_a_repr() -> None:
    assert "secret" not in repr([text_content("user", "secret"), Part(text="secret")])


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Part(text="one").text = "two"  # type: ignore[misc]


def test_an_empty_object_is_written() -> None:
    assert msgspec.json.encode(Empty()) == b"{}"
