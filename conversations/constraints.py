"""What a token fixes in the setups that it opens sessions with, by Google's rules. Pure.

- Without a field mask the token's setup is used as it is, if there is one, and what the session
  asks for is ignored.
- With one, the fields that the mask names are as the token has them, or not there where the token
  does not have them; the session has its way with the rest.

A resumption handle is the session's own business. The words of an error are Google's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from live import wire
from live.messages import GenerationConfig, Setup

# A setup has tools in it: about as much as fits into one message of a socket.
SETUP_BYTES: Final = 64 * 1024
MASK_PATHS: Final = 64
GENERATION: Final = "generationConfig"
RESUMPTION: Final = "sessionResumption"
WHERE: Final = "auth_token.bidi_generate_content_setup"
_PATH: Final = re.compile(r"[A-Za-z0-9_]{1,64}(?:\.[A-Za-z0-9_]{1,64}){0,7}", re.ASCII)
_Misfit = (msgspec.MsgspecError, TypeError, ValueError, RecursionError)


class Unfit(ValueError):
    """What is given is no setup, or no mask. The text is for whoever sent it."""


def read_token_setup(given: Any) -> dict[str, Any]:
    """A token's `bidiGenerateContentSetup` with the names as Google writes them; empty for none.
    Raises Unfit."""
    if not isinstance(given, dict):
        raise Unfit(f"Invalid value at '{WHERE}'.")
    try:
        setup, is_understood = wire.fit({"model": "", **given}, Setup)
        size = size_of(plain(setup))
    except _Misfit:
        raise Unfit(f"Invalid value at '{WHERE}'.") from None
    if size > SETUP_BYTES:
        raise Unfit(f"A token's setup may have {SETUP_BYTES} bytes here.")
    if not is_understood and (found := wire.stranger(given, Setup, WHERE)) is not None:
        name, where = found
        raise Unfit(f"Unknown name \"{name[:64]}\" at '{where}': Cannot find field.")
    return plain(setup) if given else {}


def size_of(data: Mapping[str, Any]) -> int:
    """In bytes of JSON. Raises ValueError for what the database stores as none: infinity, half a
    character, a zero."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False)
    if "\\u0000" in text:
        raise ValueError("holds a zero")
    return len(text.encode())


def read_mask(text: str) -> list[str]:
    """The paths of a `fieldMask`, in either casing. Raises Unfit."""
    paths = [path_of(each.strip()) for each in text.split(",") if each.strip()]
    if len(paths) > MASK_PATHS:
        raise Unfit(f"A field mask may have {MASK_PATHS} paths here.")
    return paths


def path_of(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise Unfit("Invalid field mask.")
    first, *rest = map(camel, text.split("."))
    if first in Setup.__struct_encode_fields__:
        names = [first, *rest]
    elif first in GenerationConfig.__struct_encode_fields__:
        # The SDKs leave the prefix out where no constraints stand beside the mask.
        names = [GENERATION, first, *rest]
    else:
        raise Unfit(f"Invalid field mask: unknown path '{text[:64]}'.")
    return ".".join(names)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def constrained(asked: Setup, setup: Mapping[str, Any], mask: Sequence[str]) -> Setup:
    """The setup that holds when a session asks for `asked` with a token of this setup and mask.

    Raises Unfit where both together make none.
    """
    if not setup and not mask:
        return asked
    own = plain(asked)
    held: dict[str, Any] = own if mask else dict(setup)
    for path in mask:
        held = overwritten(held, setup, path.split("."))
    handle = asked.session_resumption.handle if asked.session_resumption else ""
    if handle and RESUMPTION in held:
        held = {**held, RESUMPTION: {**held[RESUMPTION], "handle": handle}}
    try:
        return wire.fit({"model": "", **held}, Setup)[0]
    except _Misfit:
        raise Unfit("The token's setup does not go with the session's.") from None


def overwritten(
    held: Mapping[str, Any], setup: Mapping[str, Any], path: Sequence[str]
) -> dict[str, Any]:
    """`held` with the field at `path` as `setup` has it: set, or not there. What has no fields, a
    list for one, is taken as a whole."""
    name, *rest = path
    result = {key: value for key, value in held.items() if key != name}
    mine, theirs = held.get(name), setup.get(name)
    if rest and all(each is None or isinstance(each, dict) for each in (mine, theirs)):
        if mine is not None or theirs is not None:
            result[name] = overwritten(mine or {}, theirs or {}, rest)
    elif name in setup:
        result[name] = theirs
    return result


def plain(setup: Setup) -> dict[str, Any]:
    """As JSON. Presence counts: an empty object is one that was asked for."""
    data: dict[str, Any] = msgspec.to_builtins(setup)
    if not data.get("model"):
        data.pop("model", None)
    return data
