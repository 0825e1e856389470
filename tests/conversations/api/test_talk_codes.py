"""The codes of a conversation are those that its socket knows."""

import re

from conversations.api.codes import CODES
from conversations.api.talk_codes import TALK_CODES
from tests.services import ROOT

WORD = re.compile(r'"([a-z]+(?:-[a-z]+)+)"')


def said_by_the_code() -> set[str]:
    sources = [*(ROOT / "conversations").glob("*.py")]
    for folder in ("worker", "quotas", "api"):
        sources += (ROOT / "conversations" / folder).glob("*.py")
    texts = [each.read_text() for each in sources if each.name != "talk_codes.py"]
    return {word for text in texts for word in WORD.findall(text)}


def test_no_row_is_about_a_code_that_nobody_sends() -> None:
    # These are put together: "unknown-" and what is unknown; or come from a class's own code.
    put_together = {"unknown-agent", "unknown-conversation", "unknown-draft"}
    from_classes = {"bad-message", "no-live-server"}
    assert set(TALK_CODES) - said_by_the_code() <= put_together | from_classes


def test_they_are_part_of_the_one_table() -> None:
    assert TALK_CODES.items() <= CODES.items()
