"""Google's OAuth token endpoint: a service account's signed JWT for an access token.

RFC 7523. The audience is always Google's own endpoint, whatever the key file's
`token_uri` says, because google-auth always writes it (section 3.1 of the notes).
"""

import binascii
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from live.simulator.fields import decode_base64
from live.simulator.iam import ServiceAccounts

AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_LIFE_S = 3599
MAX_JWT_LIFE_S = 3600
CLOCK_SKEW_S = 60
MAX_TOKENS = 10000
SCOPE_PREFIX = "https://www.googleapis.com/auth/"
_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
    "timeframe. Check your iat and exp values in the JWT claim."
)


class GrantRefused(Exception):
    """The token endpoint answers 400 with this `error` and `error_description`."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


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

    def __init__(self, wall: Callable[[], float], accounts: ServiceAccounts) -> None:
        self._wall = wall
        self._accounts = accounts
        self._tokens: OrderedDict[str, AccessToken] = OrderedDict()

    def grant(self, body: bytes) -> dict[str, Any]:
        """Answer a form-encoded token request. Raises GrantRefused."""
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        grant_type = form.get("grant_type", "")
        if grant_type != GRANT_TYPE:
            raise GrantRefused("unsupported_grant_type", "Invalid grant_type.")
        claims = self._verified(form.get("assertion", ""))
        token = f"ya29.sim.{secrets.token_urlsafe(48)}"
        scopes = frozenset(claims["scope"].split())
        expires_at = self._wall() + TOKEN_LIFE_S
        self._tokens[token] = AccessToken(claims["iss"], scopes, expires_at)
        while len(self._tokens) > MAX_TOKENS:
            self._tokens.popitem(last=False)
        return {"access_token": token, "expires_in": TOKEN_LIFE_S, "token_type": "Bearer"}

    def token(self, text: str) -> AccessToken | None:
        """Return what a bearer token stands for, None when unknown or expired."""
        found = self._tokens.get(text)
        return found if found and found.expires_at > self._wall() else None

    def revoke_tokens(self) -> None:
        """Forget all tokens that were given out."""
        self._tokens.clear()

    def _verified(self, assertion: str) -> dict[str, Any]:
        signed, _, signature = assertion.rpartition(".")
        header, claims = _decoded(signed)
        if header.get("alg") != "RS256":
            raise GrantRefused("invalid_grant", "Invalid JWT Signature.")
        email = str(claims.get("iss"))
        if not self._accounts.knows(email):
            raise GrantRefused("invalid_grant", "Invalid grant: account not found")
        key = self._accounts.public_key(email, str(header.get("kid")))
        if key is None:
            raise GrantRefused("invalid_grant", "Invalid JWT Signature.")
        _check_signature(key, signed, signature)
        self._check_claims(claims)
        return claims

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        if claims.get("aud") != AUDIENCE:
            raise GrantRefused("invalid_grant", "Invalid JWT: Failed audience check.")
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise GrantRefused("invalid_grant", _TIMES)
        now = self._wall()
        in_time = issued - CLOCK_SKEW_S <= now <= expires + CLOCK_SKEW_S
        if not in_time or not 0 < expires - issued <= MAX_JWT_LIFE_S:
            raise GrantRefused("invalid_grant", _TIMES)
        scopes = str(claims.get("scope") or "").split()
        if not scopes or not all(scope.startswith(SCOPE_PREFIX) for scope in scopes):
            raise GrantRefused(
                "invalid_scope", "Invalid OAuth scope or ID token audience provided."
            )


def _decoded(signed: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        header, claims = (json.loads(decode_base64(part)) for part in signed.split("."))
    except ValueError as error:
        raise GrantRefused("invalid_grant", "Bad Request") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise GrantRefused("invalid_grant", "Bad Request")
    return header, claims


def _check_signature(key: rsa.RSAPublicKey, signed: str, signature: str) -> None:
    try:
        raw = decode_base64(signature)
        key.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, UnicodeEncodeError) as error:
        raise GrantRefused("invalid_grant", "Invalid JWT Signature.") from error
