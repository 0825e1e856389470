"""Scenario `echo`, for load: each audio message is answered at once by one of its length.

The answer has the same duration at 24 kHz, and its first eight bytes are the input's
first eight, so that a generator can match the two. Everything but those bytes is made
once for each size. Typed text comes back as a whole turn.
"""

import base64
import functools

import msgspec

from live.simulator import frames
from live.simulator.answer import RATE
from live.simulator.closes import invalid_argument
from live.simulator.fields import Fields, read_message
from live.simulator.media import audio_rate
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE
from live.simulator.sessions import Session, Sessions
from live.simulator.setup import Setup, content_text
from live.simulator.speech import speak
from live.simulator.talk import Pace, Talk

COPIED_BYTES = 8
_HEAD_BYTES = 9  # the copied ones and one more: three whole groups of base64
_MAX_KINDS = 16  # of sizes and of mime types: what was made for so many is kept


class _Audio(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    data: bytes
    mime_type: str


class _Input(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    audio: _Audio


class _PlainAudio(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    """The commonest message, read in a tenth of the time. Others, and faulty ones, are not it."""

    realtime_input: _Input


_decode_plain_audio = msgspec.json.Decoder(_PlainAudio).decode


class Echo(Talk):
    """One connection that answers sound with sound, without hearing it."""

    def __init__(self, setup: Setup, pace: Pace, session: Session, sessions: Sessions) -> None:
        super().__init__(setup, pace, session, sessions)
        mime_type = "audio/pcm" if setup.vertex else "audio/pcm;rate=24000"
        self._audio_frame = frames.AudioFrames(mime_type, role=setup.model.says_role)
        self._message = VERTEX_MESSAGE if setup.vertex else DEVELOPER_MESSAGE

    def _receive(self, frame: str | bytes, now: float) -> None:
        try:
            audio = _decode_plain_audio(frame).realtime_input.audio
        except msgspec.DecodeError:
            self._receive_other(frame)
        else:
            self._echo(audio.data, _rate_of(audio.mime_type))

    def _receive_other(self, frame: str | bytes) -> None:
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
            self._echo(fields["audio"].get("data", b""), audio_rate(fields["audio"]))

    def _echo(self, pcm: bytes, rate: int) -> None:
        if len(pcm) < COPIED_BYTES:
            return
        head = base64.b64encode(pcm[:COPIED_BYTES] + b"\0")
        self._out.append(
            self._audio_frame.from_base64(head + _tail(len(pcm) // 2 * RATE // rate * 2))
        )

    def _echo_text(self, text: str) -> None:
        self._out.append(frames.transcription("outputTranscription", text))
        self._out.append(frames.content(generationComplete=True))
        self._out.append(frames.content(turnComplete=True))


@functools.lru_cache(_MAX_KINDS)
def _rate_of(mime_type: str) -> int:
    return audio_rate({"mime_type": mime_type})


@functools.lru_cache(_MAX_KINDS)
def _tail(size: int) -> bytes:
    """Return the base64 of an answer of `size` bytes, without its first nine."""
    sound = _SOUND * (size // len(_SOUND) + 1)
    return base64.b64encode(sound[: max(0, size - _HEAD_BYTES)])


_SOUND = speak("echo", RATE)
