"""The new key of a service account: made here, so that its private half never travels.

Only the public half goes to Google, inside a certificate that signs itself.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from accounts.credentials import set_secret
from accounts.models import Credential

_BITS = 2048  # Google takes no others
_CLOCKS_DIFFER = timedelta(hours=1)
# RFC 5280: this is how a certificate says that it never ends.
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
# A key file needs an id, and Google gives it with the answer to the upload.
NOT_NAMED_YET = "not-named-yet"

_COPIED = ("tenant_id", "name", "kind", "endpoint", "project", "location", "base_url", "position")
_SCHEDULE = ("rotate_every_days", "rotates_by_itself")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Both in PEM. The private half is in no `repr`."""

    private: str = field(repr=False)
    certificate: str


def make_key_pair(now: datetime) -> KeyPair:
    """A new pair, whose certificate never ends. Takes about 0.1 s of CPU."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unused")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(_NEVER)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(private.decode(), certificate.public_bytes(Encoding.PEM).decode())


def public_half(certificate: str) -> bytes:
    """The SubjectPublicKeyInfo in DER, as `live.KeyAdmin.public_key` returns it."""
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def replacement_of(old: Credential, pair: KeyPair, now: datetime) -> Credential:
    """A credential that is `old` with another private key. It is not saved, and works once
    `name_key` has given the key its id.

    Raises:
        KeysetError: the old secret does not open, or there is nothing to seal with.
    """
    new = Credential(**{name: getattr(old, name) for name in (*_COPIED, *_SCHEDULE)})
    new.created_by_id = old.created_by_id
    new.created_at = now
    new.rotation_due_at = due_at(now, new.rotate_every_days)
    info = json.loads(Credential.sealed_secret.field.unseal(old))
    _fill(new, info | {"private_key": pair.private, "private_key_id": NOT_NAMED_YET})
    return new


def due_at(made_at: datetime, days: int | None) -> datetime | None:
    """When a key that is rotated every so many days is to be rotated; None for never."""
    return None if days is None else made_at + timedelta(days=days)


def name_key(new: Credential, key_id: str) -> None:
    """Give the key its id, in the row, which is not saved. Raises KeysetError."""
    info = json.loads(Credential.sealed_secret.field.unseal(new))
    _fill(new, info | {"private_key_id": key_id})


def _fill(credential: Credential, info: dict[str, str]) -> None:
    set_secret(credential, json.dumps(info))


def wipe(credential: Credential) -> None:
    """Take the secret out of the row, which is not saved: its key opens nothing any more."""
    credential.sealed_secret = b""
    credential.state = Credential.State.REVOKED
    credential.is_primary = False
