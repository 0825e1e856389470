from datetime import UTC, datetime

import pytest

from conversations.tools.retrying import LEAST_LEFT_S, MOST_TRIES, PAUSES_S, pause_s

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_it_is_tried_again_and_then_no_more() -> None:
    waits = [pause_s(tries, 30, "", NOON) for tries in range(1, MOST_TRIES + 1)]
    assert waits == [*PAUSES_S, None]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("2", 2.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 12:00:05 GMT", 5.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:05 -0000", 5.0),
        ("soon", PAUSES_S[0]),
        ("-1", PAUSES_S[0]),
        ("²", PAUSES_S[0]),
        ("31", None),
        ("9" * 400, None),
    ],
)
def test_the_server_says_when(header: str, wait: float | None) -> None:
    assert pause_s(1, 30, header, NOON) == wait


def test_never_past_the_time_out() -> None:
    assert pause_s(1, PAUSES_S[0] + LEAST_LEFT_S, "", NOON) == PAUSES_S[0]
    assert pause_s(1, PAUSES_S[0] + LEAST_LEFT_S - 0.01, "", NOON) is None
