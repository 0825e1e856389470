"""Ephemeral tokens: what `POST /{version}/auth_tokens` makes, and what they allow.

Section 2 of the protocol notes. A token may lock parts of the setup of the sessions that
it opens; which parts, its field mask says.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from live.simulator.closes import (
    invalid_credentials,
    invalid_payload,
    invalid_value,
    token_used_up,
)
from live.simulator.fields import Fields, Message, integer, string
from live.simulator.rest_errors import invalid_request
from live.simulator.schema import DEVELOPER_SETUP, GENERATION_CONFIG

LIFE_S = 30 * 60.0
NEW_SESSION_LIFE_S = 60.0
MAX_LIFE_S = 20 * 3600.0
MAX_TOKENS = 10000
_CAPITAL = re.compile(r"[A-Z]")

Path = tuple[str, ...]


def _timestamp(value: Any, path: str) -> float:
    """Read an RFC 3339 time as seconds since 1970."""
    try:
        moment = datetime.fromisoformat(string(value, path))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise invalid_value(path, "type.googleapis.com/google.protobuf.Timestamp")
    return moment.timestamp()


_AUTH_TOKEN = Message(
    {
        "name": string,
        "expire_time": _timestamp,
        "new_session_expire_time": _timestamp,
        "uses": integer,
        "bidi_generate_content_setup": DEVELOPER_SETUP,
        "field_mask": string,
    }
)


@dataclass(frozen=True)
class Constraints:
    """The setup that a token carries, None for none, and which fields of it are locked.

    Without `locked` the token's whole setup is used, if there is one.
    """

    setup: Fields | None = None
    locked: Sequence[Path] = ()

    def apply(self, asked: Fields) -> Fields:
        """Return the setup that holds when a connection asks for `asked`.

        A resumption handle is the connection's own business: it is kept wherever the
        result has resumption at all.
        """
        if self.locked:
            result = asked
            for path in self.locked:
                result = _overwritten(result, self.setup or {}, path)
        else:
            result = asked if self.setup is None else dict(self.setup)
        handle = asked.get("session_resumption", {}).get("handle", "")
        if handle and "session_resumption" in result:
            resumption = {"handle": handle, **result["session_resumption"]}
            result = {**result, "session_resumption": resumption}
        return result


def _overwritten(asked: Fields, setup: Fields, path: Path) -> Fields:
    """Return `asked` with the field at `path` as `setup` has it: set, or not there."""
    name, *rest = path
    result = {key: value for key, value in asked.items() if key != name}
    if not rest:
        return {**result, name: setup[name]} if name in setup else result
    if name in asked or name in setup:
        result[name] = _overwritten(asked.get(name, {}), setup.get(name, {}), tuple(rest))
    return result


@dataclass
class AuthToken:
    """One token. Times in seconds since 1970; `uses` is 0 for no limit."""

    wall: Callable[[], float]
    expires_at: float
    new_sessions_until: float
    uses: int
    constraints: Constraints
    used: int = 0

    def check(self) -> None:
        """Return if messages are taken from sessions of this token. Raises Refusal (1008)."""
        if self.wall() >= self.expires_at:
            raise invalid_credentials()

    def begin(self, *, resumes: bool) -> None:
        """Count a session; one that is resumed costs nothing.

        Raises Refusal: 1008 when it is too late for a session, 1011 when no use is left.
        """
        self.check()
        if resumes:
            return
        if self.wall() >= self.new_sessions_until:
            raise invalid_credentials()
        if self.uses and self.used >= self.uses:
            raise token_used_up()
        self.used += 1


class AuthTokens:
    """The tokens that were minted: `MAX_TOKENS`, the oldest go first.

    `wall` returns the time in seconds since 1970.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._tokens: OrderedDict[str, AuthToken] = OrderedDict()

    def create(self, body: bytes) -> dict[str, str]:
        """Answer a request with an AuthToken, or nothing, as its body.

        Raises Refusal or RestError for what Google would answer with 400.
        """
        token = self._read(_fields(body))
        name = f"auth_tokens/{secrets.token_hex(32)}"
        self._tokens[name] = token
        while len(self._tokens) > MAX_TOKENS:
            self._tokens.popitem(last=False)
        return {"name": name}

    def find(self, name: str) -> AuthToken:
        """Return the token of that name. Raises Refusal (1008) if none is valid."""
        token = self._tokens.get(name)
        if token is None:
            raise invalid_credentials()
        token.check()
        return token

    def _read(self, fields: Fields) -> AuthToken:
        now = self._wall()
        uses = fields.get("uses", 1)
        if uses < 0:
            raise invalid_request("uses must not be negative.")
        setup = fields.get("bidi_generate_content_setup")
        return AuthToken(
            self._wall,
            _soon(fields, "expire_time", now, LIFE_S),
            _soon(fields, "new_session_expire_time", now, NEW_SESSION_LIFE_S),
            uses,
            Constraints(setup, _paths(fields.get("field_mask", ""))),
        )


def _fields(body: bytes) -> Fields:
    try:
        decoded = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_payload("Unexpected token.") from error
    return _AUTH_TOKEN(decoded, "auth_token")


def _soon(fields: Fields, name: str, now: float, default: float) -> float:
    when: float = fields.get(name, now + default)
    if not now < when < now + MAX_LIFE_S:
        raise invalid_request(f"{name} must be in the future and less than 20 hours ahead.")
    return when


def _paths(mask: str) -> list[Path]:
    """Read a field mask in either casing."""
    return [_path(text.strip()) for text in mask.split(",") if text.strip()]


def _path(text: str) -> Path:
    """Read one path, as deep as there are names: an index into a list ends it."""
    names = [_CAPITAL.sub(lambda m: "_" + m[0].lower(), part) for part in text.split(".")]
    if names[0] not in DEVELOPER_SETUP.fields and names[0] in GENERATION_CONFIG.fields:
        # The SDKs leave the prefix out where no constraints stand beside the mask.
        names.insert(0, "generation_config")
    known: list[str] = []
    reader: Any = DEVELOPER_SETUP
    for name in names:
        if not isinstance(reader, Message):
            break
        if name not in reader.fields:
            raise invalid_request(f"Invalid field mask: unknown path '{text}'.")
        known.append(name)
        reader = reader.fields[name]
    return tuple(known)
