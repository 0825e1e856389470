"""Scenario `echo`, for load: each audio message is answered at once by one of its length.

The answer has the same duration at 24 kHz, and its first eight bytes are the input's
first eight, so that a generator can match the two. Everything but those bytes is made
once for each size. Typed text comes back as a whole turn.
"""

import base64
from typing import Any

import msgspec

from live.simulator import frames
from live.simulator.answer import RATE
from live.simulator.closes import invalid_argument, invalid_value
from live.simulator.fields import Fields, read_message
from live.simulator.media import audio_rate
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE
from live.simulator.sessions import Session, Sessions
from live.simulator.setup import Setup, content_text
from live.simulator.speech import speak
from live.simulator.talk import Pace, Talk

COPIED_BYTES = 8
_HEAD_BYTES = 9  # the copied ones and one more: three whole groups of base64
_HEAD_CHARS = 12
_MAX_SIZES = 64
_FROM_URLSAFE = str.maketrans("-_", "+/")
_decoder = msgspec.json.Decoder()


class Echo(Talk):
    """One connection that answers sound with sound, without hearing it."""

    def __init__(self, setup: Setup, pace: Pace, session: Session, sessions: Sessions) -> None:
        super().__init__(setup, pace, session, sessions)
        mime_type = "audio/pcm" if setup.vertex else "audio/pcm;rate=24000"
        self._audio_frame = frames.AudioFrames(mime_type, role=setup.model.says_role)
        self._message = VERTEX_MESSAGE if setup.vertex else DEVELOPER_MESSAGE

    def _receive(self, frame: str | bytes, now: float) -> None:
        blob = _plain_audio(frame)
        if blob is not None:
            self._echo(blob["data"], audio_rate({"mime_type": blob["mimeType"]}))
            return
        name, fields = read_message(frame, self._message)
        if name == "setup":
            raise invalid_argument()
        self._answer(name, fields)

    def _answer(self, name: str, fields: Fields) -> None:
        if name == "client_content" and fields.get("turn_complete"):
            texts = [content_text(turn) for turn in fields.get("turns", [])]
            self._echo_text(" ".join(texts))
        elif "text" in fields:
            self._echo_text(fields["text"])
        elif "audio" in fields:
            data = base64.b64encode(fields["audio"].get("data", b"")).decode()
            self._echo(data, audio_rate(fields["audio"]))

    def _echo(self, data: str, rate: int) -> None:
        if len(data) < _HEAD_CHARS:
            return
        try:
            head = base64.b64decode(data[:_HEAD_CHARS].translate(_FROM_URLSAFE), validate=True)
        except ValueError as error:
            raise invalid_value("realtime_input.audio.data", "TYPE_BYTES") from error
        size = len(data) * 3 // 4 - data.count("=", -2)
        tail = _tail(size // 2 * RATE // rate * 2)
        start = base64.b64encode(head[:COPIED_BYTES] + b"\0")
        self._out.append(self._audio_frame.from_base64(start + tail))

    def _echo_text(self, text: str) -> None:
        self._out.append(frames.transcription("outputTranscription", text))
        self._out.append(frames.content(generationComplete=True))
        self._out.append(frames.content(turnComplete=True))


def _plain_audio(frame: str | bytes) -> dict[str, Any] | None:
    """Return the audio blob of the commonest message, None for any other one."""
    try:
        message = _decoder.decode(frame)
        blob = message["realtimeInput"]["audio"]
        plain = len(message) == 1 and blob.keys() == {"data", "mimeType"}
        plain = plain and all(isinstance(value, str) for value in blob.values())
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return None
    return blob if plain else None


def _tail(size: int) -> bytes:
    """Return the base64 of an answer of `size` bytes, without its first nine."""
    made = _TAILS.get(size)
    if made is None:
        sound = (_SOUND * (size // len(_SOUND) + 1))[: max(0, size - _HEAD_BYTES)]
        made = base64.b64encode(sound)
        if len(_TAILS) < _MAX_SIZES:
            _TAILS[size] = made
    return made


_SOUND = speak("echo", RATE)
_TAILS: dict[int, bytes] = {}
