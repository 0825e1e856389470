"""The messages as JSON: writing them, and reading what the service sends.

Reading goes two roads. Google's usual messages fit the structs exactly and are decoded in one
pass, base64 included. A message that does not fit (a name we do not know, snake_case, a `null`,
the URL-safe base64 alphabet, the number of an enum) is mended first: a new field must not end a
conversation.

Source: the protobuf JSON mapping, protobuf.dev/programming-guides/json.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from typing import Any, TypeVar

import msgspec

from live.audio import mime_type
from live.errors import Diagnosis, InvalidRequest, ProtocolError
from live.messages import Blob, ClientMessage, Detail, Message, RealtimeInput, ServerMessage

MessageT = TypeVar("MessageT", bound=Message)

# -- Writing ------------------------------------------------------------------------------------

_encode = msgspec.json.Encoder().encode


_NO_TEXT = Diagnosis(
    "text_malformed", "The text holds half a character.", "Send text that is valid Unicode."
)
_NO_JSON = Diagnosis(
    "value_malformed",
    "A message holds a value that JSON cannot carry.",
    "Give tools, schemas and answers of tools as plain JSON values.",
)


def encode(message: ClientMessage) -> bytes:
    """The message as UTF-8 JSON.

    Raises `InvalidRequest` for text with a lone surrogate, and for a value that is no JSON.
    """
    try:
        return _encode(message)
    except UnicodeEncodeError:
        raise InvalidRequest(_NO_TEXT) from None
    except (TypeError, OverflowError, RecursionError, msgspec.MsgspecError):
        # The encoder's own text may quote the value.
        raise InvalidRequest(_NO_JSON) from None


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

_MALFORMED = Diagnosis(
    "message_malformed",
    "The service sent a message that cannot be read.",
    "Check that the base URL leads to a Live API; otherwise resume the session.",
    permanent=False,
    retry_after=1.0,
)
_REQUEST_MALFORMED = Diagnosis(
    "request_malformed",
    "A client message cannot be read.",
    "Send one JSON object of the Live API in each WebSocket message.",
)
_Unreadable = (msgspec.MsgspecError, RecursionError, UnicodeError)


def decode(data: bytes | str) -> ServerMessage:
    """The message in a text or binary frame; names it does not know are left out.

    Raises `ProtocolError` when it is no JSON object, or a known field has a wrong type.
    """
    return read(data)[0]


def read(data: bytes | str) -> tuple[ServerMessage, bool]:
    """As `decode`, with the answer whether everything in it was understood."""
    try:
        return _decode_exact(data), True
    except _Unreadable:
        pass
    try:
        return _read_mended(data, ServerMessage)
    except _Unreadable:
        # The decoder's own text may quote what was said.
        raise ProtocolError(_MALFORMED) from None


def read_client(data: bytes | str) -> tuple[ClientMessage, bool]:
    """A client's message, and whether everything in it was understood: for who stands in between.

    Takes all that the official SDKs send: both casings, mixed; both base64 alphabets. What is in
    `tools` stays as it came.

    Raises `InvalidRequest` when it is no JSON object, or a known field has a wrong type.
    """
    try:
        return _read_mended(data, ClientMessage)
    except _Unreadable:
        raise InvalidRequest(_REQUEST_MALFORMED) from None


def _read_mended(data: bytes | str, kind: type[MessageT]) -> tuple[MessageT, bool]:
    return fit(_decode_any(data), kind)


def fit(value: Any, kind: type[MessageT]) -> tuple[MessageT, bool]:
    """Decoded JSON as a message, and whether everything in it was understood.

    Raises `msgspec.ValidationError` where it does not fit.
    """
    mender = _Mender()
    mended = mender.mend(value, kind)
    return msgspec.convert(mended, kind, strict=False), not mender.left_out


def stranger(value: Any, kind: type[Message], where: str = "") -> tuple[str, str] | None:
    """The first name in decoded JSON that `kind` does not have, and the path of what it is in."""
    if not isinstance(value, dict):
        return None
    for name, item in value.items():
        if name not in _fields(kind):
            return name, where
        wire_name, item_kind = _fields(kind)[name]
        path = f"{where}.{wire_name}" if where else wire_name
        inner, items = _element(item_kind), item if isinstance(item, list) else [item]
        for each in items if inner is not None else ():
            if (found := stranger(each, inner, path)) is not None:
                return found
    return None


def _element(kind: Any) -> Any:
    """The message that a field holds, or a list of them; None for any other field."""
    (kind,) = typing.get_args(kind) if typing.get_origin(kind) is list else (kind,)
    return kind if isinstance(kind, type) and issubclass(kind, Message) else None


_LEFT_OUT: Any = object()


class _Mender:
    """Makes decoded JSON fit a type, and remembers whether it left anything out.

    Unknown names, details that do not fit and nulls go (protobuf JSON: null is the default);
    bytes come in either base64 alphabet, padded or not; an enum that the service's own printer
    did not know is a number. What still does not fit is left for msgspec to refuse.
    """

    def __init__(self) -> None:
        self.left_out = False

    def mend(self, value: Any, kind: Any) -> Any:
        if isinstance(kind, type) and issubclass(kind, Message):
            return self._mend_object(value, kind)
        if isinstance(value, list) and typing.get_origin(kind) is list:
            (item_kind,) = typing.get_args(kind)
            items = (self.mend(item, item_kind) for item in value)
            return [item for item in items if item is not _LEFT_OUT]
        if kind is bytes and isinstance(value, str):
            return _standard_base64(value)
        if kind is str and type(value) is int:
            return str(value)
        return value

    def _mend_object(self, value: Any, kind: type[Message]) -> Any:
        mended = self._mend_fields(value, kind) if isinstance(value, dict) else value
        if not issubclass(kind, Detail):
            return mended
        try:
            msgspec.convert(mended, kind, strict=False)
        except _Unreadable:
            self.left_out = True
            return _LEFT_OUT
        return mended

    def _mend_fields(self, value: dict[str, Any], kind: type[Message]) -> dict[str, Any]:
        fields = _fields(kind)
        mended: dict[str, Any] = {}
        for name, item in value.items():
            if name not in fields:
                self.left_out = True
            elif item is not None:
                wire_name, item_kind = fields[name]
                fitting = self.mend(item, item_kind)
                if fitting is not _LEFT_OUT:
                    mended[wire_name] = fitting
        return mended


@functools.cache
def _fields(kind: type[Message]) -> dict[str, tuple[str, Any]]:
    """By either name, the name on the wire and the type."""
    fields = msgspec.structs.fields(kind)
    return {
        name: (field.encode_name, _without_none(field.type))
        for field in fields
        for name in (field.encode_name, field.name)
    }


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
        raise ProtocolError(_MALFORMED)
    return float(duration[:-1])
