"""The binary frames of `parley.v1`: sound both ways, pictures from the client. Pure.

A frame is an 8-byte header, little endian, and its payload:

    kind: u8   stream: u8   rate: u16, in hundreds of Hz   seq: u32

Sound (kind 1) is PCM16 mono. A picture (kind 2) is one whole JPEG, of the camera or the screen;
its `stream` and `rate` are 0.
"""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct("<BBHI")
AUDIO: Final = 1
PICTURE: Final = 2
INPUT_RATE_HZ: Final = 16_000
OUTPUT_RATE_HZ: Final = 24_000

# What a client's frame may have. A picture fits into a link's window beside two seconds of voice.
FRAME_BYTES: Final = 64 * 1024
PICTURE_BYTES: Final = 192 * 1024

_JPEG_BEGINS: Final = b"\xff\xd8\xff"
_JPEG_ENDS: Final = b"\xff\xd9"
_FIX: Final = (
    "Send an 8-byte header: kind 1, stream 0, rate 160, seq before PCM16 mono audio; "
    "kind 2, stream 0, rate 0, seq before a JPEG."
)


class BadFrame(Exception):
    """A client's binary frame is not one; `code` and `fix` go into the error it gets."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


def audio_frame(stream: int, seq: int, pcm: bytes) -> bytes:
    """One binary frame of agent audio: PCM16 little-endian mono, 24 kHz."""
    return HEADER.pack(AUDIO, stream & 0xFF, OUTPUT_RATE_HZ // 100, seq & 0xFFFFFFFF) + pcm


def picture_frame(seq: int, jpeg: bytes) -> bytes:
    """One binary frame of what the user shows."""
    return HEADER.pack(PICTURE, 0, 0, seq & 0xFFFFFFFF) + jpeg


def check_input_frame(frame: bytes) -> None:
    """Check a client's binary frame: sound or a picture. Raises BadFrame."""
    if len(frame) >= HEADER.size and frame[0] == PICTURE:
        check_picture_frame(frame)
    else:
        check_audio_frame(frame)


def check_audio_frame(frame: bytes) -> None:
    """Check a client's binary frame: PCM16 mono audio at 16 kHz. Raises BadFrame."""
    if len(frame) < HEADER.size:
        raise BadFrame("bad-frame", "The binary frame is shorter than its header.", _FIX)
    if len(frame) > FRAME_BYTES:
        raise BadFrame(
            "frame-too-big",
            f"A frame may have {FRAME_BYTES} bytes.",
            "Send audio in frames of 20 to 40 ms.",
        )
    kind, _, rate, _ = HEADER.unpack_from(frame)
    if kind != AUDIO:
        raise BadFrame("bad-frame", f"Binary frames of kind {kind} are not known.", _FIX)
    if rate * 100 != INPUT_RATE_HZ:
        raise BadFrame(
            "bad-audio-rate",
            f"The audio has {rate * 100} Hz; {INPUT_RATE_HZ} Hz is expected.",
            "Resample to 16000 Hz, PCM16, mono, and send it again.",
        )
    if len(frame) % 2:
        raise BadFrame("bad-frame", "The audio has half a sample.", _FIX)


def check_picture_frame(frame: bytes) -> None:
    """Check that a frame of kind 2 holds one whole JPEG of a fitting size. Raises BadFrame."""
    if len(frame) > PICTURE_BYTES:
        raise BadFrame(
            "picture-too-big",
            f"A picture's frame may have {PICTURE_BYTES} bytes.",
            "Scale it to 768 pixels on the longer side, or lower the JPEG's quality.",
        )
    is_jpeg = frame.startswith(_JPEG_BEGINS, HEADER.size) and frame.endswith(_JPEG_ENDS)
    if not is_jpeg:
        raise BadFrame(
            "bad-picture",
            "The picture is no whole JPEG.",
            "Send one JPEG, from its first marker to its last, behind the header.",
        )
