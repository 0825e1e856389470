"""The link's frames: a header of eight bytes, big-endian, and a payload.

    type: u8    flags: u8    payload length: u16    stream: u32    payload

| type   | stream  | payload                                  | sent by    |
|--------|---------|------------------------------------------|------------|
| OPEN   | >= 1    | window: u32, then the info (<= 16 KiB)   | connecting |
| ACCEPT | >= 1    | window: u32                              | listening  |
| DATA   | >= 1    | one piece of a message; flag MORE        | both       |
| CREDIT | >= 1    | increment: u32                           | both       |
| CLOSE  | any     | reason, UTF-8; stream 0: the connection  | both       |
| PING   | 0       | nothing                                  | both       |
| PONG   | 0       | nothing                                  | both       |
"""

import struct
from typing import Final, NamedTuple

from .errors import LinkProtocolError

OPEN: Final = 1
ACCEPT: Final = 2
DATA: Final = 3
CREDIT: Final = 4
CLOSE: Final = 5
PING: Final = 6
PONG: Final = 7

MORE: Final = 1
"""Flag of DATA: the message goes on in this stream's next piece."""

PIECE: Final = 16 * 1024
"""Bytes in every piece of a message but its last: what one stream may put before another's turn."""
MAX_MESSAGE: Final = 1024 * 1024
MAX_INFO: Final = 16 * 1024
MAX_REASON: Final = 256
MAX_WINDOW: Final = 1 << 30
MAX_STREAM_ID: Final = (1 << 32) - 1

HEADER: Final = struct.Struct("!BBHI")
HEADER_SIZE: Final = HEADER.size
NUMBER: Final = struct.Struct("!I")

_ONE_STREAM: Final = range(1, MAX_STREAM_ID + 1)
_CONNECTION: Final = range(1)
_EITHER: Final = range(MAX_STREAM_ID + 1)


class Rule(NamedTuple):
    """What the header of one frame type may say; sizes in bytes of payload."""

    smallest: int
    largest: int
    flags: int
    streams: range


RULES: Final = {
    OPEN: Rule(NUMBER.size, NUMBER.size + MAX_INFO, 0, _ONE_STREAM),
    ACCEPT: Rule(NUMBER.size, NUMBER.size, 0, _ONE_STREAM),
    # An empty message would cost no credit, so that a queue of them would have no bound.
    DATA: Rule(1, PIECE, MORE, _ONE_STREAM),
    CREDIT: Rule(NUMBER.size, NUMBER.size, 0, _ONE_STREAM),
    CLOSE: Rule(0, MAX_REASON, 0, _EITHER),
    PING: Rule(0, 0, 0, _CONNECTION),
    PONG: Rule(0, 0, 0, _CONNECTION),
}


def check_header(kind: int, flags: int, size: int, stream_id: int) -> None:
    """Raise LinkProtocolError unless such a frame can exist, before its payload is waited for."""
    rule = RULES.get(kind)
    if rule is None:
        raise LinkProtocolError("unknown frame type")
    smallest, largest, allowed, streams = rule
    if not smallest <= size <= largest:
        raise LinkProtocolError("frame size out of bounds")
    if flags:
        _check_flags(flags & ~allowed, size)
    if stream_id not in streams:
        raise LinkProtocolError("frame on the wrong stream")


def _check_flags(unknown: int, size: int) -> None:
    if unknown:
        raise LinkProtocolError("unknown frame flag")
    # Short pieces in great number would cost many times their bytes in objects.
    if size != PIECE:
        raise LinkProtocolError("short piece before the last")


def encode_frame(kind: int, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """One frame without flags, ready to be written."""
    return HEADER.pack(kind, 0, len(payload), stream_id) + payload


def encode_number(kind: int, stream_id: int, number: int) -> bytes:
    """One frame whose payload is a u32: ACCEPT or CREDIT."""
    return HEADER.pack(kind, 0, NUMBER.size, stream_id) + NUMBER.pack(number)


def encode_reason(reason: str) -> bytes:
    """The reason as UTF-8, cut to MAX_REASON bytes at a character's border."""
    encoded = reason.encode("utf-8", "replace")[:MAX_REASON]
    return encoded.decode("utf-8", "ignore").encode()


def decode_reason(payload: bytes) -> str:
    """The reason in a CLOSE frame; raises LinkProtocolError when it is not UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise LinkProtocolError("close reason is not UTF-8") from None


def decode_number(payload: bytes, largest: int) -> int:
    """The u32 at the start of a payload, from 1 to `largest`, else LinkProtocolError."""
    number: int = NUMBER.unpack_from(payload)[0]
    if not 1 <= number <= largest:
        raise LinkProtocolError("number out of bounds")
    return number
