"""What the timeline says about the connection to the model."""

from conversations.worker.notices import line_changes


def test_a_wait_is_told_in_whole_seconds_and_a_short_one_is_not() -> None:
    assert "takes up to" not in line_changes(0.9)
    assert "It takes up to 3 s:" in line_changes(2.1)
