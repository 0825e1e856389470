import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.link.errors import LinkClosed, LinkProtocolError
from conversations.link.flow import Flow
from conversations.link.frames import DATA, HEADER, MAX_MESSAGE, MORE, PIECE


def flow(receive_window: int = 1000, send_window: int = 1000) -> Flow:
    made = Flow(7, b"info", receive_window=receive_window)
    made.accept(send_window)
    return made


def pieces(sender: Flow) -> list[tuple[bytes, bool]]:
    """What the sender writes, as payload and "more"."""
    written = []
    while sender.outbox:
        parts: list[bytes | memoryview] = []
        size = sender.write_piece(parts)
        kind, flags, length, stream_id = HEADER.unpack(parts[0])
        assert (kind, length, stream_id) == (DATA, size, 7)
        written.append((bytes(parts[1]), flags == MORE))
    return written


@given(st.integers(1, 5 * PIECE))
def test_a_message_survives_being_cut(size: int) -> None:
    message = bytes(range(251)) * (size // 251 + 1)
    message = message[:size]
    sender, reader = flow(), flow()
    assert sender.put(message)
    cut = pieces(sender)
    assert all(len(payload) == PIECE and more for payload, more in cut[:-1])
    assert [reader.take_piece(*piece) for piece in cut] == [False] * (len(cut) - 1) + [True]
    assert list(reader.inbox) == [message]


def test_a_message_may_overdraw_the_credit_and_the_next_waits() -> None:
    sender = flow(send_window=100)
    assert sender.put(b"x" * 99)
    assert sender.put(b"y" * 500)
    assert not sender.put(b"z")
    assert sender.credit == -499
    assert not sender.refill(499)
    assert not sender.put(b"z")
    assert sender.refill(1)
    assert sender.put(b"z")


def test_credit_cannot_exceed_the_window() -> None:
    sender = flow(send_window=100)
    sender.put(b"x" * 10)
    with pytest.raises(LinkProtocolError, match="credit"):
        sender.refill(11)


def test_credit_goes_back_a_quarter_at_a_time() -> None:
    reader = flow(receive_window=1000)
    for _ in range(10):
        reader.take_piece(b"x" * 100, False)
    assert [reader.consume(100) for _ in range(10)] == [0, 0, 300, 0, 0, 300, 0, 0, 300, 0]
    assert (reader.outstanding, reader.owed) == (100, 100)


def test_nothing_is_consumed_that_was_not_received() -> None:
    reader = flow()
    reader.take_piece(b"x" * 100, False)
    reader.take_piece(b"x" * PIECE, True)
    for size in (101, -1):
        with pytest.raises(ValueError, match="consumed"):
            reader.consume(size)


def test_a_message_without_credit_breaks_the_protocol() -> None:
    reader = flow(receive_window=100)
    reader.take_piece(b"x" * 100, False)
    with pytest.raises(LinkProtocolError, match="without credit"):
        reader.take_piece(b"x", False)


def test_an_endless_message_breaks_the_protocol() -> None:
    reader = flow()
    for _ in range(MAX_MESSAGE // PIECE):
        reader.take_piece(b"x" * PIECE, True)
    with pytest.raises(LinkProtocolError, match="too large"):
        reader.take_piece(b"x", False)


@pytest.mark.parametrize("size", [0, MAX_MESSAGE + 1])
def test_the_size_of_a_message_has_bounds(size: int) -> None:
    with pytest.raises(ValueError, match="1 MiB"):
        flow().put(bytes(size))


def test_the_end_keeps_whole_messages_and_drops_a_part() -> None:
    reader = flow()
    reader.take_piece(b"whole", False)
    reader.take_piece(b"x" * PIECE, True)
    reader.end(LinkClosed("gone"))
    assert list(reader.inbox) == [b"whole"]
    assert reader.assembling == 0
