"""`POST /{version}/auth_tokens`: the official SDKs mint our tokens where they would mint Google's.

The answer is Google's: `{"name": "auth_tokens/…"}`, and the name is the secret.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec
from django.http import HttpRequest
from django.utils import timezone

from accounts.callers import Caller
from accounts.roles import Permission
from conversations.access_tokens import InvalidToken, Wanted, mint
from conversations.constraints import Unfit, read_mask, read_token_setup
from conversations.dropin import refusals as r
from conversations.dropin.opening import agent_for
from conversations.dropin.paths import Service
from conversations.dropin.rest import as_google
from conversations.models import Agent
from live import wire
from live.messages import Message

WHERE: Final = "auth_token"
# Google's clocks say nanoseconds; Python's know six digits.
NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+", re.ASCII)


class AuthToken(Message, frozen=True):
    """The request's body. What Google gives out only, `name`, is passed over."""

    name: str = ""
    uses: int | None = None
    expire_time: str = ""
    new_session_expire_time: str = ""
    bidi_generate_content_setup: dict[str, Any] = msgspec.field(default_factory=dict)
    field_mask: str = ""


@as_google("POST", Permission.MINT_TOKENS)
def auth_tokens(request: HttpRequest, caller: Caller, version: str) -> dict[str, Any]:
    try:
        _, text = mint(caller, wanted(read_body(request.body), caller, version), timezone.now())
    except (InvalidToken, Unfit) as error:
        raise r.invalid_argument(str(error)) from None
    return {"name": text}


def wanted(asked: AuthToken, caller: Caller, version: str) -> Wanted:
    """Raises Refusal and Unfit."""
    setup = read_token_setup(asked.bidi_generate_content_setup)
    return Wanted(
        agent=agent_of(caller, str(setup.get("model", "")), version),
        uses=1 if asked.uses is None else asked.uses,
        expires_at=read_time(asked.expire_time, "expire_time"),
        new_session_expires_at=read_time(asked.new_session_expire_time, "new_session_expire_time"),
        setup=setup,
        field_mask=read_mask(asked.field_mask),
    )


def read_body(body: bytes) -> AuthToken:
    """No body is what an SDK sends that wants nothing. Raises Refusal."""
    try:
        decoded = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise r.invalid_json() from None
    try:
        asked, is_understood = wire.fit(decoded, AuthToken)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        raise r.Refusal(r.INVALID, f"Invalid value at '{WHERE}'.") from None
    if not is_understood and (found := wire.stranger(decoded, AuthToken, WHERE)) is not None:
        raise r.unknown_name(*found)
    return asked


def read_time(text: str, name: str) -> datetime | None:
    """An RFC 3339 time. Raises Refusal."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(NANOSECONDS.sub(r"\1", text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        where = f"{WHERE}.{name}"
        raise r.Refusal(r.INVALID, f"Invalid value at '{where}' (Timestamp).")
    return moment


def agent_of(caller: Caller, model: str, version: str) -> Agent | None:
    """The one that its setup names, else the one that its key is for; None for any."""
    if model:
        return agent_for(caller, model, Service(version))
    if caller.agents is not None and len(caller.agents) == 1:
        return Agent.objects.filter(pk__in=caller.agents).first()
    return None
