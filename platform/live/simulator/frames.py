"""Server messages as the real server puts them on the wire.

One JSON object in a binary frame, two spaces of indentation, a newline at the end,
defaults left out (section 4.1 of the protocol notes).
"""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

EMPTY = b"{}\n"
EMPTY_CONTENT = b'{\n  "serverContent": {}\n}\n'
_MARK = "\u0000"


def frame(message: Mapping[str, Any]) -> bytes:
    """Return any message as one frame."""
    return json.dumps(message, indent=2, ensure_ascii=False).encode() + b"\n"


def binary_frame(message: bytes) -> bytes:
    """Return a message as one binary frame of a WebSocket, unmasked (RFC 6455, 5.2)."""
    size = len(message)
    if size < 126:
        head = struct.pack("!BB", 0x82, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x82, 126, size)
    else:
        head = struct.pack("!BBQ", 0x82, 127, size)
    return head + message


def content(**fields: Any) -> bytes:
    """Return a `serverContent` message with these (camelCase) fields."""
    return frame({"serverContent": fields})


def transcription(kind: str, text: str, *, finished: bool = False) -> bytes:
    """Return a piece of `inputTranscription` or `outputTranscription`; defaults are left out."""
    piece: dict[str, Any] = {"text": text} if text else {}
    return content(**{kind: {**piece, "finished": True} if finished else piece})


def voice_activity(active: bool, offset_s: float) -> bytes:
    """Return a `voiceActivity` message; 3.8 puts it beside an empty `serverContent`."""
    kind = "ACTIVITY_START" if active else "ACTIVITY_END"
    activity = {"type": kind, "audioOffset": f"{offset_s:.3f}s"}
    return frame({"serverContent": {}, "voiceActivity": activity})


def vad_signal(active: bool) -> bytes:
    """Return Vertex AI's `voiceActivityDetectionSignal`."""
    kind = "VAD_SIGNAL_TYPE_SOS" if active else "VAD_SIGNAL_TYPE_EOS"
    return frame({"voiceActivityDetectionSignal": {"vadSignalType": kind}})


def go_away(seconds: float) -> bytes:
    """Return `goAway`; the time left is a protobuf Duration."""
    left = f"{seconds:.3f}".rstrip("0").rstrip(".")
    return frame({"goAway": {"timeLeft": f"{left}s"}})


def tool_call(calls: Sequence[tuple[str, str, Mapping[str, Any]]]) -> bytes:
    """Return a `toolCall` of all these (id, name, arguments)."""
    found = [{"id": call_id, "name": name, "args": args} for call_id, name, args in calls]
    return frame({"toolCall": {"functionCalls": found}})


def tool_call_cancellation(ids: Sequence[str]) -> bytes:
    """Return a `toolCallCancellation`: the answers to these calls are not waited for."""
    return frame({"toolCallCancellation": {"ids": list(ids)}})


def part(fields: Mapping[str, Any], *, role: bool) -> bytes:
    """Return a `modelTurn` of one part with these (camelCase) fields."""
    turn: dict[str, Any] = {"role": "model"} if role else {}
    return content(modelTurn={**turn, "parts": [fields]})


def executable_code(code: str) -> bytes:
    """Return the `executableCode` part that models before 3.0 send ahead of a call."""
    return part({"executableCode": {"language": "PYTHON", "code": code}}, role=False)


class AudioFrames:
    """Makes audio messages; the sound is set into a text made once, not through json."""

    def __init__(self, mime_type: str, *, role: bool) -> None:
        inline = {"inlineData": {"mimeType": mime_type, "data": _MARK}}
        self._turn: dict[str, Any] = {"role": "model"} if role else {}
        self._turn["parts"] = [inline]
        self._plain = self._split({})

    def __call__(self, pcm: bytes, transcript: str = "") -> bytes:
        """Return one message; `transcript` rides along as `outputTranscription`."""
        return self.from_base64(base64.b64encode(pcm), transcript)

    def from_base64(self, data: bytes, transcript: str = "") -> bytes:
        before, after = self._plain
        if transcript:
            before, after = self._split({"outputTranscription": {"text": transcript}})
        return before + data + after

    def _split(self, more: Mapping[str, Any]) -> tuple[bytes, bytes]:
        whole = content(modelTurn=self._turn, **more)
        before, _, after = whole.partition(json.dumps(_MARK)[1:-1].encode())
        return before, after
