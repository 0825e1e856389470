"""A service account's signed JWT, as the token endpoint checks it (RFC 7523).

The audience is always Google's own endpoint, whatever the key file's `token_uri` says,
because google-auth always writes it (section 3.1 of the notes).
"""

import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from live.simulator.fields import decode_base64
from live.simulator.grants import SCOPE_PREFIX, Grant, GrantRefused
from live.simulator.iam import ServiceAccounts

AUDIENCE = "https://oauth2.googleapis.com/token"
MAX_JWT_LIFE_S = 3600
CLOCK_SKEW_S = 60
_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
    "timeframe. Check your iat and exp values in the JWT claim."
)


class Assertions:
    """Checks JWTs by the accounts' public keys; `wall` returns the seconds since 1970."""

    def __init__(self, wall: Callable[[], float], accounts: ServiceAccounts) -> None:
        self._wall = wall
        self._accounts = accounts

    def exchange(self, form: Mapping[str, str]) -> Grant:
        """Return what the JWT in `assertion` is good for. Raises GrantRefused."""
        claims = self._verified(form.get("assertion", ""))
        return Grant(claims["iss"], frozenset(claims["scope"].split()))

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
