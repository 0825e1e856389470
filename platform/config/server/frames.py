"""The frames that nearly all traffic consists of, in one step (RFC 6455, section 5.2).

Autobahn walks through a dozen callbacks for a frame and makes three objects; for the messages of
a voice conversation that was half of what daphne cost. What is not plain stays with autobahn.
"""

import struct
from typing import Final

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C if there is a wheel

TEXT: Final = 1
BINARY: Final = 2

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_WHOLE: Final = (_FINAL | TEXT, _FINAL | BINARY)


def read_message(data: bytes, max_size: int) -> tuple[int, bytes, bytes] | None:
    """Take a message off the beginning of what a client sent: opcode, payload, what follows.

    None unless it is all there, unfragmented, masked, encoded as it should be, and within
    `max_size` bytes.
    """
    if len(data) < 6 or data[0] not in _WHOLE or not data[1] & _MASKED:
        return None
    size, mask = data[1] & 0x7F, 2
    if size == 126:
        size, mask = int.from_bytes(data[2:4], "big"), 4
        if size < 126:
            return None
    elif size == 127:
        size, mask = int.from_bytes(data[2:10], "big"), 10
        if size < 0x10000:
            return None
    end = mask + 4 + size
    if size > max_size or len(data) < end:
        return None
    return data[0] & 0x0F, apply_mask(data[mask + 4 : end], data[mask : mask + 4]), data[end:]


def message_head(opcode: int, size: int) -> bytes:
    """What goes before a payload of `size` bytes from a server."""
    if size < 126:
        return bytes((_FINAL | opcode, size))
    if size < 0x10000:
        return struct.pack("!BBH", _FINAL | opcode, 126, size)
    return struct.pack("!BBQ", _FINAL | opcode, 127, size)
