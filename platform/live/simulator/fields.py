"""Client messages by name and type, as protobuf JSON reads them.

camelCase and snake_case names are the same field, 64-bit numbers may be strings, bytes
are base64 in either alphabet, null means absent, an unknown name is refused with
Google's words. Section 4.1 of the protocol notes.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from live.simulator.closes import (
    invalid_argument,
    invalid_payload,
    invalid_value,
    oneof_already_set,
    unknown_name,
)

Fields = dict[str, Any]
Reader = Callable[[Any, str], Any]

_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")
_CAPITAL = re.compile(r"[A-Z]")
_WHOLE = re.compile(r"-?\d+")


def decode_base64(text: str) -> bytes:
    """Decode either base64 alphabet, padded or not.

    Raises ValueError for any other character.
    """
    raw = text.encode("ascii").translate(_FROM_URLSAFE)
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)


def string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise invalid_value(path, "TYPE_STRING")
    return value


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise invalid_value(path, "TYPE_BOOL")
    return value


def integer(value: Any, path: str) -> int:
    """Read a whole number: 3, 3.0 and "3" are the same in protobuf JSON."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    whole = value.is_integer() if isinstance(value, float) else isinstance(value, int)
    if isinstance(value, bool) or not whole:
        raise invalid_value(path, "TYPE_INT64")
    return int(value)


def number(value: Any, path: str) -> float:
    try:
        if not isinstance(value, bool | list | dict):
            return float(value)
    except ValueError:
        pass  # not a number: refused below with every other kind
    raise invalid_value(path, "TYPE_FLOAT")


def base64_bytes(value: Any, path: str) -> bytes:
    try:
        return decode_base64(string(value, path))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise invalid_value(path, "TYPE_BYTES") from error


def struct(value: Any, path: str) -> Fields:
    """Read an object whose inside is not looked at (a JSON schema, a tool's arguments)."""
    if not isinstance(value, dict):
        raise invalid_value(path, "type.googleapis.com/google.protobuf.Struct")
    return value


def anything(value: Any, _path: str) -> Any:
    return value


def enum(*names: str) -> Reader:
    """Return a reader of an enum; Google also accepts the numbers."""

    def read(value: Any, path: str) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= len(names):
            return "" if value == 0 else names[value - 1]
        if value not in names and not str(value).endswith("_UNSPECIFIED"):
            raise invalid_value(path, "TYPE_ENUM")
        return str(value)

    return read


def many(reader: Reader) -> Reader:
    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise invalid_value(path, "TYPE_MESSAGE")
        return [reader(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return read


@dataclass(frozen=True)
class Message:
    """A message type: its fields by snake_case name. Call it to read a value."""

    fields: Mapping[str, Reader]

    def __call__(self, value: Any, path: str) -> Fields:
        if not isinstance(value, dict):
            raise invalid_value(path, "TYPE_MESSAGE")
        found: Fields = {}
        for name, inner in value.items():
            snake = self._field(name, path)
            if snake in found:
                raise invalid_payload(f"Field '{name}' is repeated at '{path}'.")
            if inner is not None:
                inner_path = f"{path}.{snake}" if path else snake
                found[snake] = self.fields[snake](inner, inner_path)
        return found

    def _field(self, name: str, path: str) -> str:
        snake = name if name.islower() else _CAPITAL.sub(lambda m: "_" + m[0].lower(), name)
        if snake not in self.fields:
            raise unknown_name(name, path)
        return snake


def read_message(frame: str | bytes, message: Message) -> tuple[str, Fields]:
    """Read one client message: its one top-level name in snake_case, and its fields.

    Raises Refusal (1007) for anything that Google's parser would not take.
    """
    try:
        decoded = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_payload("Unexpected token.") from error
    if not isinstance(decoded, dict):
        raise invalid_payload("Root element must be a message.")
    read = message(decoded, "")
    if not read:
        raise invalid_argument()
    name, *others = read
    if others:
        raise oneof_already_set(others[0])
    return name, read[name]
