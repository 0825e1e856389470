"""What is answered to a range."""

import pytest

from conversations.recordings.mix import Mix, Part
from conversations.recordings.serving import RANGE_BYTES, Unsatisfiable, asked_range, sound_answer

TOTAL = 3_000_000


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("", None),
        ("bytes=-", None),
        ("bytes=0-1,5-9", None),
        ("bytes=9-5", None),
        ("items=0-5", None),
        ("bytes=0-99", (0, 100)),
        ("bytes=0-", (0, RANGE_BYTES)),
        ("bytes=2999990-", (2_999_990, TOTAL)),
        ("bytes=10-99999999", (10, 10 + RANGE_BYTES)),
        ("bytes=-100", (TOTAL - 100, TOTAL)),
    ],
)
def test_ranges(header: str, answer: tuple[int, int] | None) -> None:
    assert asked_range(header, TOTAL) == answer


def test_behind_the_end() -> None:
    for header in ("bytes=3000000-", "bytes=-0"):
        with pytest.raises(Unsatisfiable):
            asked_range(header, TOTAL)


async def test_whole_or_in_part_it_is_nobody_elses_to_keep() -> None:
    mix = Mix([Part("user", 0, 1000, 0, 16_000, "")])
    whole = sound_answer(mix, "")
    assert (whole.status_code, whole["Content-Length"]) == (200, str(mix.total_bytes))
    body = b"".join([piece async for piece in whole])  # type: ignore[attr-defined]
    part = sound_answer(mix, "bytes=4-7")
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 4-7/{mix.total_bytes}")
    assert getattr(part, "content", b"") == body[4:8]
    behind = sound_answer(mix, "bytes=999999999-")
    assert (behind.status_code, behind["Content-Range"]) == (416, f"bytes */{mix.total_bytes}")
    for answer in (whole, part, behind):
        assert answer["Cache-Control"] == "private, no-store"
        assert (answer["Accept-Ranges"], answer["Content-Type"]) == ("bytes", "audio/wav")
