"""The short road for plain frames, against the frames of `websockets`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from config.server import frames

LIMIT = 70_000
# Both sides of every boundary of the length's encoding.
SIZES = st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, LIMIT]).flatmap(
    lambda size: st.binary(min_size=min(size, 100), max_size=min(size, 100)).map(
        lambda seed: (seed * (size // max(len(seed), 1) + 1))[:size]
    )
)
OPCODES = st.sampled_from([Opcode.TEXT, Opcode.BINARY])


@given(OPCODES, SIZES, st.binary(max_size=20))
def test_a_whole_message_is_read_and_the_rest_is_left(
    opcode: Opcode, payload: bytes, rest: bytes
) -> None:
    data = Frame(opcode, payload).serialize(mask=True) + rest
    assert frames.read_message(data, LIMIT) == (opcode, payload, rest)


@given(OPCODES, SIZES, st.data())
def test_a_part_of_a_message_is_not_read(
    opcode: Opcode, payload: bytes, data: st.DataObject
) -> None:
    whole = Frame(opcode, payload).serialize(mask=True)
    assert frames.read_message(whole[: data.draw(st.integers(0, len(whole) - 1))], LIMIT) is None


# Named, because a mask is random, and a test has one name in all processes of a run.
NOT_PLAIN = {
    "first of several": Frame(Opcode.TEXT, b"first", fin=False).serialize(mask=True),
    "last of several": Frame(Opcode.CONT, b"more").serialize(mask=True),
    "compressed": b"\xc1\x85" + bytes(4 + 5),
    "ping": Frame(Opcode.PING, b"are you there?").serialize(mask=True),
    "close": Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True),
    "no mask": Frame(Opcode.TEXT, b"no mask").serialize(mask=False),
    "too large": Frame(Opcode.BINARY, bytes(LIMIT + 1)).serialize(mask=True),
    "5 bytes, said in 16 bits": b"\x82\xfe\x00\x05" + bytes(4 + 5),
    "300 bytes, said in 64 bits": b"\x82\xff" + (300).to_bytes(8, "big") + bytes(4 + 300),
    "an opcode that RFC 6455 reserves": b"\x83\x80" + bytes(4),
}


@pytest.mark.parametrize("frame", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_what_is_not_plain_is_left_to_autobahn(frame: bytes) -> None:
    assert frames.read_message(frame, LIMIT) is None


@given(st.binary(max_size=30))
def test_any_bytes_are_read_or_left(data: bytes) -> None:
    message = frames.read_message(data, LIMIT)
    assert message is None or message[0] in {frames.TEXT, frames.BINARY}


@given(OPCODES, SIZES)
def test_the_head_is_that_of_a_servers_frame(opcode: Opcode, payload: bytes) -> None:
    head = frames.message_head(opcode, len(payload))
    assert head + payload == Frame(opcode, payload).serialize(mask=False)
