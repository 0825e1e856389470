"""The reason of a close frame fits into it."""

import pytest

from config.server.limits import MAX_REASON_BYTES, close_reason


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        (None, ""),
        ("", ""),
        ("API key not valid.", "API key not valid."),
        ("x" * 123, "x" * 123),
        ("x" * 124, "x" * 123),
        ("ü" * 62, "ü" * 61),
        ("x" + "🙂" * 31, "x" + "🙂" * 30),
    ],
)
def test_reason_is_cut_between_characters(reason: str | None, sent: str) -> None:
    assert close_reason(reason) == sent
    assert len(sent.encode()) <= MAX_REASON_BYTES
