"""Ephemeral tokens: a short-lived credential that may be given to a browser.

A token opens a few sessions of the Developer API within a short time, and may fix what those
sessions are. Google's limits are checked here before the request.

Source: ai.google.dev/gemini-api/docs/ephemeral-tokens; the official SDKs' `auth_tokens.create`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from live import wire
from live.auth import Auth
from live.endpoint import Endpoint
from live.errors import Diagnosis, InvalidRequest, LiveError
from live.messages import GenerationConfig, Setup
from live.rest_client import RestAnswer, malformed_answer, send
from live.setup import SessionConfig, setup_message

__all__ = ["EphemeralToken", "LiveConnectConstraints", "TokenRequest", "mint"]

DEFAULT_LIFE = timedelta(minutes=30)
DEFAULT_NEW_SESSION_LIFE = timedelta(seconds=60)
MAX_LIFE = timedelta(hours=20)
MAX_USES = 2**31 - 1  # an int32
_TIMEOUT = 20.0  # seconds for the request
_NAME = re.compile(r"auth_tokens/[\w.~-]+", re.ASCII)
_GENERATION = "generationConfig."
_UNDERSCORE = re.compile(r"_([a-z])")


@dataclass(frozen=True, slots=True)
class LiveConnectConstraints:
    """What a token fixes in the sessions that it opens.

    With `lock_additional_fields` as `None` the whole setup comes from `config`, and what a
    session asks for is ignored. Otherwise the fields that `config` sets are locked, and the named
    ones beside them; a named field that `config` does not set is locked to its default. Names
    are those of the setup or of its generation config, in camelCase or snake_case.
    """

    config: SessionConfig
    lock_additional_fields: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class EphemeralToken:
    """A token. `name` is the secret, and in no `repr`; it is used as an API key would be.

    `uses` is the number of sessions it may begin, 0 for no limit; a session that is resumed does
    not count. The times are by this server's clock.
    """

    name: str = field(repr=False)
    expire_time: datetime
    new_session_expire_time: datetime
    uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What is asked for; `mint` says what the fields mean."""

    uses: int = 1
    expire_time: datetime | None = None
    new_session_expire_time: datetime | None = None
    constraints: LiveConnectConstraints | None = None

    def times(self, now: datetime) -> tuple[datetime, datetime]:
        """When the token expires, and when it begins no session any more.

        Raises `InvalidRequest` when one of them, or the number of uses, is beyond the limits.
        """
        if isinstance(self.uses, bool) or not 0 <= self.uses <= MAX_USES:
            raise _invalid("The number of uses is negative or too big.", "Use 0 for no limit.")
        expires = _checked(self.expire_time or now + DEFAULT_LIFE, now, "expire time")
        latest = self.new_session_expire_time or min(now + DEFAULT_NEW_SESSION_LIFE, expires)
        if _checked(latest, now, "new-session expire time") > expires:
            raise _invalid(
                "The new-session expire time is after the expire time.",
                "Choose an earlier one, or a later expire time.",
            )
        return expires, latest

    def body(self, endpoint: Endpoint, now: datetime) -> dict[str, Any]:
        """The request's body. Raises `CallerError` when it cannot be one."""
        body: dict[str, Any] = {"uses": self.uses}
        # Without a time from the caller the service's own clock decides.
        if self.expire_time or self.new_session_expire_time:
            expires, latest = self.times(now)
            body["expireTime"], body["newSessionExpireTime"] = _stamp(expires), _stamp(latest)
        if self.constraints:
            setup = _setup(self.constraints.config, endpoint)
            body["bidiGenerateContentSetup"] = setup
            names = self.constraints.lock_additional_fields
            if names is not None:
                body["fieldMask"] = ",".join([*_set_fields(setup), *map(_path, names)])
        return body


async def mint(
    endpoint: Endpoint,
    auth: Auth,
    *,
    uses: int = 1,
    expire_time: datetime | None = None,
    new_session_expire_time: datetime | None = None,
    constraints: LiveConnectConstraints | None = None,
) -> EphemeralToken:
    """A new token, made with a long-lived credential.

    `uses` is the number of sessions it may begin, 0 for no limit. After `expire_time` (when not
    given: in 30 minutes) messages of open sessions are refused, after `new_session_expire_time`
    (in 60 s) no session begins. Both are aware, and less than 20 hours ahead.

    The token is for `endpoint.constrained()`; an endpoint that is constrained already keeps its
    version. Takes 20 s at most. It is not tried again: after a `NetworkError` a token that
    nobody knows may exist until its time is over.

    Raises `InvalidRequest` for what is beyond a limit, before anything is sent; `CallerError` on
    Vertex AI, which has no such tokens; `CredentialError`, `QuotaError`, `ProviderError` and
    `NetworkError` for what the service or the way to it refuses.
    """
    request = TokenRequest(
        uses=uses,
        expire_time=expire_time,
        new_session_expire_time=new_session_expire_time,
        constraints=constraints,
    )
    place = endpoint if endpoint.is_constrained else endpoint.constrained()
    now = datetime.now(UTC)
    expires, latest = request.times(now)
    body = request.body(place, now)
    url = f"{place.base_url.rstrip('/')}/{place.api_version}/auth_tokens"
    answer = await send("POST", url, await auth.headers(), body=body, timeout=_TIMEOUT)
    return EphemeralToken(_name(answer), expires, latest, uses)


# -- The limits ---------------------------------------------------------------------------------


def _checked(moment: datetime, now: datetime, name: str) -> datetime:
    if moment.utcoffset() is None:
        raise _invalid(f"The {name} has no time zone.", "Use a time in UTC.")
    if not now < moment < now + MAX_LIFE:
        raise _invalid(
            f"The {name} is past, or 20 hours ahead or more.",
            "Choose a time within the next 20 hours.",
        )
    return moment


def _invalid(summary: str, fix: str) -> InvalidRequest:
    return InvalidRequest(Diagnosis("token_request_invalid", summary, fix))


def _stamp(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# -- The constraints ----------------------------------------------------------------------------


def _setup(config: SessionConfig, endpoint: Endpoint) -> dict[str, Any]:
    message = wire.encode(setup_message(config, endpoint, ""))
    setup: dict[str, Any] = msgspec.json.decode(message)["setup"]
    return setup


def _set_fields(setup: Mapping[str, Any]) -> Iterator[str]:
    """The paths of what is set, two levels deep, as the official SDKs write them."""
    for name, value in setup.items():
        if isinstance(value, dict) and value:
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _path(name: str) -> str:
    """The path of a field by its name in either casing."""
    camel = _UNDERSCORE.sub(lambda found: found[1].upper(), name)
    if camel in Setup.__struct_encode_fields__:
        return camel
    if camel.removeprefix(_GENERATION) in GenerationConfig.__struct_encode_fields__:
        return _GENERATION + camel.removeprefix(_GENERATION)
    raise _invalid(
        "A field to lock is neither one of the setup nor of its generation config.",
        "Correct the name of the field.",
    )


# -- The answer ---------------------------------------------------------------------------------

_REFUSED = Diagnosis(
    "token_refused",
    "The service refused to make the token.",
    "Check its times, its uses and its constraints.",
)


class _AuthToken(msgspec.Struct):
    name: str


def _name(answer: RestAnswer) -> str:
    if answer.status != 200:
        raise _refusal(answer)
    name = answer.read(_AuthToken).name
    if not _NAME.fullmatch(name):
        raise malformed_answer()
    return name


def _refusal(answer: RestAnswer) -> LiveError:
    error = answer.error()
    if answer.status == 400 and isinstance(error, InvalidRequest):
        return InvalidRequest(_REFUSED, answer.status, answer.message())
    return error
