"""Service accounts and their keys, as Google's IAM keeps them.

Section 3.5 of the protocol notes. The token endpoint asks here which public key belongs
to a JWT, so a key that is disabled or deleted stops working at once; tokens that were
given out before stay valid until they expire.
"""

import asyncio
import base64
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from live.simulator.closes import invalid_payload
from live.simulator.fields import Fields, Message, base64_bytes, enum
from live.simulator.rest_errors import failed_precondition, invalid_request, not_found

PROJECT = "parley-simulator"
MAX_KEYS = 10  # user-managed keys of one account
_NEVER = "9999-12-31T23:59:59Z"
_KEY_FILE = "TYPE_GOOGLE_CREDENTIALS_FILE"
_RSA_2048 = "KEY_ALG_RSA_2048"
_KEY_TYPES = frozenset({"USER_MANAGED", "SYSTEM_MANAGED", "KEY_TYPE_UNSPECIFIED"})
_NO_PUBLIC_HALF = frozenset({"TYPE_NONE", ""})
_UPLOAD = Message({"public_key_data": base64_bytes})
_CREATE = Message(
    {
        "private_key_type": enum("TYPE_PKCS12_FILE", _KEY_FILE),
        "key_algorithm": enum("KEY_ALG_RSA_1024", _RSA_2048),
    }
)


@dataclass
class Key:
    """One user-managed key; `created_at` in seconds since 1970."""

    public: rsa.RSAPublicKey
    created_at: float
    disabled: bool = False
    certificate: bytes = b""  # X.509 in PEM, of a key that was uploaded

    @property
    def uploaded(self) -> bool:
        return bool(self.certificate)


@dataclass
class Account:
    """A service account; `token_uri` goes into its key files."""

    email: str
    project: str
    client_id: str
    token_uri: str
    keys: dict[str, Key] = field(default_factory=dict)

    def key_file(self, key_id: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": self.client_id,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_uri,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "universe_domain": "googleapis.com",
        }

    def about(self, key_id: str) -> Fields:
        """Return a key as the API shows it; what is false is left out."""
        key = self.keys[key_id]
        created = datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about: Fields = {
            "name": f"projects/{self.project}/serviceAccounts/{self.email}/keys/{key_id}",
            "validAfterTime": created,
            "validBeforeTime": _NEVER,
            "keyAlgorithm": _RSA_2048,
            "keyOrigin": "USER_PROVIDED" if key.uploaded else "GOOGLE_PROVIDED",
            "keyType": "USER_MANAGED",
        }
        return {**about, "disabled": True} if key.disabled else about


class ServiceAccounts:
    """All service accounts; `wall` returns the time in seconds since 1970."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._accounts: dict[str, Account] = {}

    def create(self, name: str, token_uri: str) -> dict[str, str]:
        """Return the JSON key file of a service account, made if new; takes about 0.1 s."""
        email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
        client_id = str(uuid.uuid4().int)[:21]
        account = self._accounts.setdefault(email, Account(email, PROJECT, client_id, token_uri))
        return self._add(account, _new_key())

    def trust(self, info: Mapping[str, str]) -> None:
        """Accept the key in a JSON key file that this or another simulator made.

        Raises ValueError, TypeError or KeyError when it is no such file.
        """
        key = serialization.load_pem_private_key(info["private_key"].encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the private key of a service account is an RSA key")
        email = info["client_email"]
        made = Account(email, info["project_id"], info.get("client_id", ""), info["token_uri"])
        account = self._accounts.setdefault(email, made)
        account.keys[info["private_key_id"]] = Key(key.public_key(), self._wall())

    def knows(self, email: str) -> bool:
        return email in self._accounts

    def public_key(self, email: str, key_id: str) -> rsa.RSAPublicKey | None:
        """Return the public half of a key that may be used now."""
        account = self._accounts.get(email)
        key = account.keys.get(key_id) if account else None
        return key.public if key and not key.disabled else None

    def list_keys(self, project: str, email: str, key_types: Sequence[str]) -> Fields:
        """Return the account's keys of these types; none stands for all. Raises RestError."""
        if not _KEY_TYPES.issuperset(key_types):
            raise invalid_request("Invalid value at 'key_types' (TYPE_ENUM)")
        account = self._account(project, email)
        if key_types and "USER_MANAGED" not in key_types:
            return {}
        keys = [account.about(key_id) for key_id in account.keys]
        return {"keys": keys} if keys else {}

    def get_key(self, project: str, email: str, key_id: str, kind: str = "TYPE_NONE") -> Fields:
        """Return a key as the API shows it, with its public half if `kind` asks for that.

        Raises RestError; also for the certificate of a key that was not uploaded, since the
        simulator makes none.
        """
        account, key = self._key(project, email, key_id)
        if kind in _NO_PUBLIC_HALF:
            return account.about(key_id)
        half = base64.b64encode(_public_half(key, kind)).decode()
        return {**account.about(key_id), "publicKeyData": half}

    async def create_key(self, project: str, email: str, body: bytes) -> Fields:
        """Return a new key, once with its key file.

        The key is made in a thread. Raises Refusal or RestError for what Google refuses.
        """
        asked = _request(body, _CREATE)
        if asked.get("private_key_type", _KEY_FILE) != _KEY_FILE:
            raise invalid_request("The simulator makes TYPE_GOOGLE_CREDENTIALS_FILE only.")
        if asked.get("key_algorithm", _RSA_2048) != _RSA_2048:
            raise invalid_request("The simulator makes KEY_ALG_RSA_2048 only.")
        account = self._account(project, email)
        _check_room(account)
        made = await asyncio.to_thread(_new_key)
        _check_room(account)
        info = self._add(account, made)
        secret = base64.b64encode(msgspec.json.encode(info)).decode()
        shown = account.about(info["private_key_id"])
        return {**shown, "privateKeyType": _KEY_FILE, "privateKeyData": secret}

    def upload_key(self, project: str, email: str, body: bytes) -> Fields:
        """Return a new key whose private half its owner keeps.

        Raises Refusal or RestError for what Google refuses.
        """
        certificate = _request(body, _UPLOAD).get("public_key_data", b"")
        public = _certified_key(certificate)
        account = self._account(project, email)
        _check_room(account)
        key_id = secrets.token_hex(20)
        account.keys[key_id] = Key(public, self._wall(), certificate=certificate)
        return account.about(key_id)

    def disable_key(self, project: str, email: str, key_id: str, *, disabled: bool) -> None:
        """Disable or enable a key; one that is so already stays so. Raises RestError."""
        _account, key = self._key(project, email, key_id)
        key.disabled = disabled

    def delete_key(self, project: str, email: str, key_id: str) -> None:
        account, _key = self._key(project, email, key_id)
        del account.keys[key_id]

    def _add(self, account: Account, key: rsa.RSAPrivateKey) -> dict[str, str]:
        key_id = secrets.token_hex(20)
        account.keys[key_id] = Key(key.public_key(), self._wall())
        return account.key_file(key_id, key)

    def _account(self, project: str, email: str) -> Account:
        account = self._accounts.get(email)
        if account is None or project not in ("-", account.project):
            raise not_found("Unknown service account")
        return account

    def _key(self, project: str, email: str, key_id: str) -> tuple[Account, Key]:
        account = self._account(project, email)
        if key_id not in account.keys:
            raise not_found("Service account key does not exist.")
        return account, account.keys[key_id]


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _check_room(account: Account) -> None:
    # Google says no more than this when the keys are used up; it used to be a 429.
    if len(account.keys) >= MAX_KEYS:
        raise failed_precondition()


def _certified_key(pem: bytes) -> rsa.RSAPublicKey:
    """Return the key of an X.509 certificate in PEM."""
    try:
        public = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError as error:
        raise invalid_request("Invalid public key data.") from error
    if not isinstance(public, rsa.RSAPublicKey):
        raise invalid_request("Invalid public key data.")
    return public


def _public_half(key: Key, kind: str) -> bytes:
    if kind == "TYPE_RAW_PUBLIC_KEY":
        return key.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    if kind == "TYPE_X509_PEM_FILE" and key.uploaded:
        return key.certificate
    raise invalid_request("Invalid value at 'public_key_type' (TYPE_ENUM)")


def _request(body: bytes, message: Message) -> Fields:
    try:
        decoded: Any = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_payload("Unexpected token.") from error
    return message(decoded, "")
