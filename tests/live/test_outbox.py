import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from live.errors import NetworkError
from live.outbox import Outbox


def drain(outbox: Outbox) -> list[bytes]:
    return list(iter(outbox.pop, None))


def test_order_is_kept_between_audio_and_the_rest() -> None:
    outbox = Outbox()
    outbox.put_audio(b"a1", 1)
    outbox.put(b"t1")
    outbox.put_audio(b"a2", 1)
    outbox.put(b"t2")
    assert drain(outbox) == [b"a1", b"t1", b"a2", b"t2"]
    assert outbox.size == 0


def test_the_oldest_audio_goes_first_and_is_counted() -> None:
    outbox = Outbox(audio_bytes=25, total_bytes=100)
    for n in range(4):
        outbox.put_audio(b"%010d" % n, 7)
    assert outbox.audio_dropped_bytes == 14
    assert drain(outbox) == [b"%010d" % 2, b"%010d" % 3]


def test_audio_makes_room_for_what_matters() -> None:
    outbox = Outbox(audio_bytes=60, total_bytes=100)
    outbox.put_audio(b"a" * 60, 45)
    outbox.put(b"t" * 90)
    assert outbox.audio_dropped_bytes == 45
    assert drain(outbox) == [b"t" * 90]


def test_text_is_refused_rather_than_dropped() -> None:
    outbox = Outbox(total_bytes=100)
    outbox.put(b"t" * 90)
    with pytest.raises(NetworkError) as caught:
        outbox.put(b"u" * 11)
    assert caught.value.code == "outbox_full"
    assert drain(outbox) == [b"t" * 90]


def test_audio_that_alone_is_too_big_is_dropped() -> None:
    outbox = Outbox(audio_bytes=10)
    outbox.put_audio(b"a" * 11, 8)
    assert outbox.audio_dropped_bytes == 8
    assert outbox.pop() is None


def test_the_newest_picture_waits_behind_everything_else() -> None:
    outbox = Outbox()
    outbox.put_picture(b"p1")
    outbox.put_picture(b"p2")
    outbox.put_audio(b"a1", 1)
    outbox.put(b"t1")
    assert outbox.size == 6
    assert drain(outbox) == [b"a1", b"t1", b"p2"]
    assert outbox.size == 0


def test_a_picture_gives_way_and_never_takes_room() -> None:
    outbox = Outbox(total_bytes=100, audio_bytes=60)
    outbox.put_picture(b"p" * 90)
    outbox.put_audio(b"a" * 20, 15)
    assert outbox.size == 20
    outbox.put_picture(b"p" * 81)
    assert drain(outbox) == [b"a" * 20]
    assert outbox.audio_dropped_bytes == 0
    outbox.put_picture(b"p" * 50)
    outbox.put(b"t" * 60)
    assert drain(outbox) == [b"t" * 60]


def test_a_picture_is_not_said_again_on_another_connection() -> None:
    outbox = Outbox()
    outbox.put_picture(b"p")
    outbox.put(b"t")
    outbox.forget_repeated()
    assert drain(outbox) == [b"t"]
    outbox.put_picture(b"p")
    outbox.clear()
    assert outbox.pop() is None


def test_clearing_counts_the_audio() -> None:
    outbox = Outbox()
    outbox.put_audio(b"a" * 11, 8)
    outbox.put(b"t")
    outbox.clear()
    assert (outbox.audio_dropped_bytes, outbox.size, outbox.pop()) == (8, 0, None)


class OutboxMachine(RuleBasedStateMachine):
    """Against a plain list: nothing but audio is ever missing, and the bound holds."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(audio_bytes=50, total_bytes=100)
        self.accepted: list[bytes] = []
        self.sent: list[bytes] = []
        self.audio_given = self.audio_sent = self.number = 0

    @rule(size=st.integers(1, 70))
    def put(self, size: int) -> None:
        self.number += 1
        message = b"t%d" % self.number + b"." * size
        try:
            self.outbox.put(message)
        except NetworkError:
            return
        self.accepted.append(message)

    @rule(size=st.integers(1, 60))
    def put_audio(self, size: int) -> None:
        self.outbox.put_audio(b"a" * size, size)
        self.audio_given += size

    @rule(size=st.integers(1, 120))
    def put_picture(self, size: int) -> None:
        self.outbox.put_picture(b"p" * size)

    @rule()
    def pop(self) -> None:
        message = self.outbox.pop()
        if message is not None and message.startswith(b"p"):
            assert self.outbox.size == 0  # nothing else waited
        elif message is not None and message.startswith(b"t"):
            self.sent.append(message)
        elif message is not None:
            self.audio_sent += len(message)

    @invariant()
    def the_bound_holds(self) -> None:
        assert 0 <= self.outbox.size <= 100

    def teardown(self) -> None:
        for message in drain(self.outbox):
            if message.startswith(b"t"):
                self.sent.append(message)
            elif message.startswith(b"a"):
                self.audio_sent += len(message)
        assert self.sent == self.accepted
        assert self.audio_sent + self.outbox.audio_dropped_bytes == self.audio_given


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=50)


@given(st.lists(st.binary(min_size=1, max_size=5)))
def test_what_fits_comes_out_as_it_went_in(messages: list[bytes]) -> None:
    outbox = Outbox()
    for message in messages:
        outbox.put(message)
    assert drain(outbox) == messages
