"""The signatures of webhooks, as the Standard Webhooks specification has them.

`v1` is HMAC-SHA256 with a secret that the receiver knows too, `v1a` is ed25519: the receiver has
the public key, and the secret one never leaves us. What is signed is `id.timestamp.body`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conversations.tools.signing import new_secret, signature

SECRET_KEY, PUBLIC_KEY = "whsk_", "whpk_"
KEY_BYTES: Final = 32


def new_key() -> str:
    """The secret half of a key pair."""
    return SECRET_KEY + _text(Ed25519PrivateKey.generate().private_bytes_raw())


def public_key_of(secret: str) -> str:
    """What a receiver may know of a secret: "" for one that it shares."""
    if not secret.startswith(SECRET_KEY):
        return ""
    return PUBLIC_KEY + _text(_key(secret).public_key().public_bytes_raw())


def signed_with(secret: str, identifier: str, at: datetime, body: bytes) -> str:
    """One signature, with its version before it."""
    timestamp = int(at.timestamp())
    if not secret.startswith(SECRET_KEY):
        return signature(secret, identifier, timestamp, body)
    signed = b".".join((identifier.encode(), str(timestamp).encode(), body))
    return "v1a," + _text(_key(secret).sign(signed))


def headers_of(
    secrets: Sequence[str], identifier: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers, with a signature by each of the secrets."""
    made = (signed_with(secret, identifier, at, body) for secret in secrets)
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(made),
    }


def _key(secret: str) -> Ed25519PrivateKey:
    # Other programs write the public half behind the secret one.
    raw = base64.b64decode(secret.removeprefix(SECRET_KEY))[:KEY_BYTES]
    return Ed25519PrivateKey.from_private_bytes(raw)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


__all__ = ["headers_of", "new_key", "new_secret", "public_key_of", "signed_with"]
