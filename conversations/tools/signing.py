"""Signed requests, the Standard Webhooks way: whoever holds the secret knows that we have sent
this very body, and when.

The signature is HMAC-SHA256 over `id.timestamp.body`. While a secret is being replaced there are
two signatures, so that the receiver may hold either.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from standardwebhooks import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret as it is shown to people, once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def message_id(key: str) -> str:
    """The key of a call as a header may hold it. Two keys never become one; there is no dot in
    it, since dots part what is signed."""
    return quote(key, safe="").replace("~", "%7E").replace(".", "~")


def signature(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """One signature. `timestamp` is in whole seconds since 1970, `body` is UTF-8."""
    at = datetime.fromtimestamp(timestamp, UTC)
    return Webhook(secret).sign(identifier, at, body.decode())


def signed_headers(
    keys: Sequence[str], identifier: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers, with a signature for each of the secrets."""
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, identifier, timestamp, body) for key in keys),
    }
