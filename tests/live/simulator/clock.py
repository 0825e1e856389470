"""A clock that only tests move, and JWTs made by the library that clients use."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from google.auth import crypt, jwt

from live.simulator.assertions import AUDIENCE
from live.simulator.oauth import GRANT_TYPE

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform "
    "https://www.googleapis.com/auth/generative-language"
)


class Clock:
    """Seconds since 1970; call it to read it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def assertion(info: Mapping[str, str], clock: Clock, **changed: Any) -> str:
    """A signed JWT as google-auth makes it, with some claims changed; None leaves one out."""
    claims = {
        "iss": info["client_email"],
        "scope": SCOPES,
        "aud": AUDIENCE,
        "iat": int(clock.now),
        "exp": int(clock.now) + 3600,
        **changed,
    }
    signer = crypt.RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]
    kept = {name: value for name, value in claims.items() if value is not None}
    signed: bytes = jwt.encode(signer, kept)  # type: ignore[no-untyped-call]
    return signed.decode()


def grant_form(jwt_text: str) -> bytes:
    return urlencode({"grant_type": GRANT_TYPE, "assertion": jwt_text}).encode()
