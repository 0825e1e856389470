"""What was sent and never arrived goes again, once, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conversations import protocol as p
from conversations.held import Held
from conversations.underway import MAX_BYTES, Tally, Underway, closing, read_closing


def voice(number: int, size: int = 640) -> bytes:
    return p.HEADER.pack(p.AUDIO, 0, 160, number) + bytes(size)


def picture() -> bytes:
    return bytes([p.PICTURE]) + bytes(9)


@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    arrives=st.lists(st.integers(0, 30), min_size=6, max_size=6),
    told=st.lists(st.integers(0, 30), min_size=6, max_size=6),
)
def test_whatever_breaks_nothing_is_lost_and_nothing_comes_twice(
    sizes: list[int], arrives: list[int], told: list[int]
) -> None:
    """Streams to one host break and come back; it says exactly how much it has got."""
    underway, held = Underway(), Held(max_audio_bytes=10**9)
    got: list[bytes] = []
    number = 0
    for size, some, early in zip(sizes, arrives, told, strict=False):
        underway.confirm(len(got))
        held.put_back(underway.take_back())
        for _ in range(size):
            number += 1
            held.put(voice(number))
        sent = []
        while (frame := held.peek()) is not None:
            held.pop()
            underway.sent(frame)
            sent.append(frame)
        got += sent[:some]
        underway.confirm(max(0, len(got) - early % (min(some, len(sent)) + 1)))
    underway.confirm(len(got))
    assert got + underway.take_back() == [voice(n + 1) for n in range(number)]


def test_another_host_counts_from_nothing() -> None:
    underway = Underway()
    for number in range(5):
        underway.sent(voice(number))
    underway.confirm(3)
    underway.confirm(0)
    assert underway.take_back() == [voice(3), voice(4)]
    underway.sent(voice(5))
    underway.confirm(1)
    assert len(underway) == 0


def test_a_picture_counts_and_does_not_come_again() -> None:
    underway = Underway()
    for frame in (voice(1), picture(), voice(2)):
        underway.sent(frame)
    underway.confirm(1)
    assert underway.take_back() == [voice(2)]


def test_a_host_that_never_says_anything_costs_no_memory() -> None:
    underway = Underway()
    for number in range(1000):
        underway.sent(voice(number, 6400))
    assert sum(map(len, underway.take_back())) <= MAX_BYTES


def test_a_tally_tells_every_so_often_and_remembers_few_lines() -> None:
    tally = Tally()
    told = [tally.count("a") for _ in range(Tally.TELL_EVERY * 2)]
    assert [each.frames for each in told if each] == [Tally.TELL_EVERY, Tally.TELL_EVERY * 2]
    for number in range(Tally.LINES):
        tally.count(str(number))
    assert tally.of("a") == 0
    assert tally.of(str(Tally.LINES - 1)) == 1


def test_what_a_closing_says_is_read() -> None:
    assert read_closing(closing(p.STREAM_MOVED, 57)) == (p.STREAM_MOVED, 57)
    for reason in (p.STREAM_MOVED, "", "pool-closed", "peer said no"):
        assert read_closing(reason) == (reason, None)


def test_what_comes_back_goes_before_what_waits_within_the_bound() -> None:
    held = Held(max_audio_bytes=len(voice(0)) * 3)
    held.put(voice(3))
    text = p.encode(p.SendText(id="1", text="hello"))
    held.put_back([voice(0), text, voice(1), voice(2)])
    frames = []
    while (frame := held.peek()) is not None:
        frames.append(frame)
        held.pop()
    assert frames == [text, voice(1), voice(2), voice(3)]
    assert held.audio_bytes == held.text_bytes == 0
    assert held.lost.tell(0.0) == p.Gap(stream=0, ms=20, speaker="user")
