"""A sign-in that is under way: what the browser session remembers until the person is back."""

import hmac
import secrets
import time
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from accounts.single_sign_on.protocol import Discovery

LIFETIME_S = 600
# Of one browser; the oldest goes first.
MOST = 5
_KEY = "sign_on_flows"


@dataclass(frozen=True, slots=True)
class Flow:
    """`tester` is the id of whoever tries settings; otherwise somebody signs in."""

    tenant_id: str
    provider_id: str
    discovery: Discovery
    tester: str = ""
    next: str = ""
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    begun_at: float = field(default_factory=time.time)


def keep(session: MutableMapping[str, Any], flow: Flow) -> None:
    flows: list[dict[str, Any]] = session.get(_KEY, [])
    session[_KEY] = [*flows[1 - MOST :], asdict(flow)]


def take(
    session: MutableMapping[str, Any], tenant_id: UUID, state: str, *, now: float | None = None
) -> Flow | None:
    """The flow that this browser has begun under `state`, once; None for any other, and for one
    that is older than ten minutes."""
    stored: list[dict[str, Any]] = session.get(_KEY, [])
    found = [each for each in stored if hmac.compare_digest(each["state"], _plain(state))]
    if not found:
        return None
    session[_KEY] = [each for each in stored if each not in found]
    flow = Flow(**{**found[0], "discovery": Discovery(**found[0]["discovery"])})
    is_late = (time.time() if now is None else now) - flow.begun_at > LIFETIME_S
    return None if is_late or flow.tenant_id != str(tenant_id) else flow


def _plain(text: str) -> str:
    # compare_digest takes no other letters.
    return text if text.isascii() else ""
