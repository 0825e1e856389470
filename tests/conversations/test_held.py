from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from conversations import protocol as p
from conversations.held import (
    HELD_AUDIO_BYTES,
    HELD_TEXT_BYTES,
    HELD_TEXTS,
    TELL_EVERY_S,
    Held,
    Loss,
)

BOUND = 400
SECOND = p.INPUT_RATE_HZ * 2  # bytes of the user's voice


def audio(size: int, number: int = 0) -> bytes:
    return p.HEADER.pack(p.AUDIO, 0, 160, number) + bytes(size)


def picture(number: int) -> bytes:
    return p.picture_frame(number, b"a picture")


def text(number: int) -> bytes:
    return p.encode(p.SendText(id=f"r{number}", text="Hello"))


def drain(held: Held) -> list[bytes]:
    frames = []
    while (frame := held.peek()) is not None:
        held.pop()
        frames.append(frame)
    return frames


FRAMES = st.integers(0, 999).flatmap(
    lambda n: st.sampled_from([audio(n % 40 * 2, n), picture(n), text(n)])
)


@given(st.lists(FRAMES, max_size=60))
def test_order_bounds_and_what_goes_first(frames: list[bytes]) -> None:
    held, taken = Held(BOUND), []
    for frame in frames:
        if held.put(frame):
            taken.append(frame)
        assert held.audio_bytes <= BOUND
        assert held.text_bytes <= HELD_TEXT_BYTES
    kept = drain(held)
    rest = deque(taken)
    for frame in kept:  # in the order in which they came
        while rest.popleft() != frame:
            pass
    assert [f for f in kept if f[0] == ord("{")] == [f for f in taken if f[0] == ord("{")]
    pictures = [f for f in taken if f[0] == p.PICTURE]
    assert [f for f in kept if f[0] == p.PICTURE] == pictures[-1:]
    spoken, heard = ([f for f in fs if f[0] == p.AUDIO] for fs in (taken, kept))
    assert heard == spoken[len(spoken) - len(heard) :]
    assert (held.audio_bytes, held.text_bytes, len(held)) == (0, 0, 0)


def test_five_seconds_of_speech_are_held_and_the_rest_is_told() -> None:
    held = Held()
    for _ in range(6 * 50):
        held.put(audio(SECOND // 50))
    assert HELD_AUDIO_BYTES - SECOND // 50 < held.audio_bytes <= HELD_AUDIO_BYTES
    gap = held.lost.tell(0.0)
    assert gap is not None
    assert (gap.speaker, gap.stream) == ("user", 0)
    assert 1000 < gap.ms < 1100  # the headers take a little of the room


def test_a_text_without_room_is_refused_and_never_dropped() -> None:
    held = Held()
    taken = [text(n) for n in range(HELD_TEXTS + 3) if held.put(text(n))]
    assert taken == [text(n) for n in range(HELD_TEXTS)]
    assert drain(held) == taken
    long = p.encode(p.SendText(id="r", text="x" * p.TEXT_CHARS))
    many = sum(held.put(long) for _ in range(HELD_TEXTS))
    assert many == HELD_TEXT_BYTES // len(long) < HELD_TEXTS


def test_a_loss_is_told_in_lots_and_to_the_last_millisecond() -> None:
    loss = Loss()
    assert loss.tell(0.0) is None
    told = []
    for step in range(100):  # 20 ms are lost every 20 ms
        loss.add(SECOND // 50)
        if (gap := loss.tell(step * 0.02)) is not None:
            told.append(gap.ms)
    assert told == [20, 1000]
    last = loss.tell(99 * 0.02 + TELL_EVERY_S)
    assert last is not None
    assert sum(told) + last.ms == 2000
    loss.add(31)  # less than a millisecond
    assert loss.tell(100.0) is None
