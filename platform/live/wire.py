"""The messages as JSON: writing them, and reading what the service sends.

Reading goes two roads. Google's usual messages fit the structs exactly and are decoded in one
pass, base64 included. A message that does not fit (a name we do not know, a `null`, the URL-safe
base64 alphabet) is mended first: a new field must not end a conversation.

Source: the protobuf JSON mapping, protobuf.dev/programming-guides/json.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from typing import Any

import msgspec

from live.audio import mime_type
from live.errors import Diagnosis, InvalidRequest, ProtocolError
from live.messages import Blob, ClientMessage, Message, RealtimeInput, ServerMessage

# -- Writing ------------------------------------------------------------------------------------

_encode = msgspec.json.Encoder().encode


_NO_TEXT = Diagnosis(
    "text_malformed", "The text holds half a character.", "Send text that is valid Unicode."
)


def encode(message: ClientMessage) -> bytes:
    """The message as UTF-8 JSON.

    Raises `InvalidRequest` for text with a lone surrogate, and `TypeError` for a tool's answer
    that is no JSON.
    """
    try:
        return _encode(message)
    except UnicodeEncodeError:
        raise InvalidRequest(_NO_TEXT) from None


def encode_audio(pcm: bytes, rate: int) -> bytes:
    """A `realtimeInput` with PCM16 audio at `rate` Hz.

    msgspec's own base64 is faster than the standard library's and a concatenation.
    """
    blob = Blob(data=pcm, mime_type=mime_type(rate))
    return _encode(ClientMessage(realtime_input=RealtimeInput(audio=blob)))


# -- Reading ------------------------------------------------------------------------------------

# Not strict: int64 values come as strings.
_decode_exact = msgspec.json.Decoder(ServerMessage, strict=False).decode
_decode_any = msgspec.json.Decoder().decode

_NOT_JSON = Diagnosis(
    "message_malformed",
    "The service sent a message that cannot be read.",
    "Check that the base URL leads to a Live API; otherwise resume the session.",
    permanent=False,
    retry_after=1.0,
)


def decode(data: bytes | str) -> ServerMessage:
    """The message in a text or binary frame; names it does not know are left out.

    Raises `ProtocolError` when it is no JSON object, or a known field has a wrong type.
    """
    return read(data)[0]


def read(data: bytes | str) -> tuple[ServerMessage, bool]:
    """As `decode`, with the answer whether every name was known."""
    try:
        return _decode_exact(data), True
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _read_mended(data)


def _read_mended(data: bytes | str) -> tuple[ServerMessage, bool]:
    try:
        mender = _Mender()
        mended = mender.mend(_decode_any(data), ServerMessage)
        return msgspec.convert(mended, ServerMessage, strict=False), not mender.unknown
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        # The decoder's own text may quote what was said.
        raise ProtocolError(_NOT_JSON) from None


class _Mender:
    """Makes decoded JSON fit a type, and remembers whether it met an unknown name.

    Unknown names and nulls go (protobuf JSON: null is the default); bytes come in either base64
    alphabet, padded or not. What still does not fit is left for msgspec to refuse.
    """

    def __init__(self) -> None:
        self.unknown = False

    def mend(self, value: Any, kind: Any) -> Any:
        if kind is bytes and isinstance(value, str):
            return _standard_base64(value)
        if kind is msgspec.Raw:
            return msgspec.Raw(_encode(value))
        if isinstance(value, list) and typing.get_origin(kind) is list:
            return [self.mend(item, typing.get_args(kind)[0]) for item in value]
        if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Message):
            return self._mend_object(value, kind)
        return value

    def _mend_object(self, value: dict[str, Any], kind: type[Message]) -> dict[str, Any]:
        fields = _fields(kind)
        self.unknown = self.unknown or not value.keys() <= fields.keys()
        return {
            name: self.mend(item, fields[name])
            for name, item in value.items()
            if name in fields and item is not None
        }


@functools.cache
def _fields(kind: type[Message]) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    return {field.encode_name: _without_none(field.type) for field in fields}


def _without_none(kind: Any) -> Any:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next(part for part in typing.get_args(kind) if part is not types.NoneType)
    return kind


_URL_SAFE = str.maketrans("-_", "+/")


def _standard_base64(text: str) -> str:
    if len(text) % 4 == 0 and "-" not in text and "_" not in text:
        return text
    text = text.translate(_URL_SAFE).rstrip("=")
    return text + "=" * (-len(text) % 4)


# -- Durations ----------------------------------------------------------------------------------

_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s", re.ASCII)


def seconds(duration: str) -> float:
    """A protobuf Duration such as `50s` or `9.500s`, in seconds; an absent one is 0.

    Raises `ProtocolError` for anything else.
    """
    if not duration:
        return 0.0
    if not _DURATION.fullmatch(duration):
        raise ProtocolError(_NOT_JSON)
    return float(duration[:-1])
