"""Words of a table of states, as people read them."""

from conversations.models.choices import choices
from conversations.states import EndReason, TokenKind


def test_each_word_has_a_label_for_people() -> None:
    assert choices([EndReason.USER_LEFT, TokenKind.TEXT_IN]) == [
        ("user-left", "User left"),
        ("text_in", "Text in"),
    ]
