"""Google's OAuth token endpoint: access tokens for service accounts and for users.

A service account shows a signed JWT (`assertions`); a user's program shows the code of a
sign-in, or the refresh token that it got for one (`sign_in`).
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from live.simulator.assertions import Assertions
from live.simulator.grants import Grant, GrantRefused
from live.simulator.iam import ServiceAccounts
from live.simulator.sign_in import SignIns

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_LIFE_S = 3599
MAX_TOKENS = 10000


@dataclass(frozen=True)
class AccessToken:
    """What a bearer token stands for; `expires_at` in seconds since 1970."""

    email: str
    scopes: frozenset[str]
    expires_at: float


class TokenEndpoint:
    """Knows the tokens it gave out: `MAX_TOKENS`, the oldest go first.

    `wall` returns the time in seconds since 1970.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        accounts: ServiceAccounts,
        sign_ins: SignIns | None = None,
    ) -> None:
        self.sign_ins = sign_ins or SignIns(wall)
        self._wall = wall
        self._tokens: OrderedDict[str, AccessToken] = OrderedDict()
        self._grants: dict[str, Callable[[Mapping[str, str]], Grant]] = {
            GRANT_TYPE: Assertions(wall, accounts).exchange,
            "authorization_code": self.sign_ins.exchange,
            "refresh_token": self.sign_ins.refresh,
        }

    def grant(self, body: bytes) -> dict[str, Any]:
        """Answer a form-encoded token request. Raises GrantRefused."""
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        if "grant_type" not in form:
            raise GrantRefused("invalid_request", "Missing required parameter: grant_type")
        exchange = self._grants.get(form["grant_type"])
        if exchange is None:
            raise GrantRefused("unsupported_grant_type", "Invalid grant_type.")
        return self._answer(exchange(form))

    def token(self, text: str) -> AccessToken | None:
        """Return what a bearer token stands for, None when unknown or expired."""
        found = self._tokens.get(text)
        return found if found and found.expires_at > self._wall() else None

    def revoke_tokens(self) -> None:
        """Forget all tokens that were given out."""
        self._tokens.clear()

    def _answer(self, grant: Grant) -> dict[str, Any]:
        token = f"ya29.sim.{secrets.token_urlsafe(48)}"
        expires_at = self._wall() + TOKEN_LIFE_S
        self._tokens[token] = AccessToken(grant.email, grant.scopes, expires_at)
        while len(self._tokens) > MAX_TOKENS:
            self._tokens.popitem(last=False)
        answer = {"access_token": token, "expires_in": TOKEN_LIFE_S, "token_type": "Bearer"}
        if grant.tells_scope:
            answer["scope"] = " ".join(sorted(grant.scopes))
        if grant.refresh_token:
            answer["refresh_token"] = grant.refresh_token
        return answer
