"""The keys of a service account: create, upload, list, disable, enable, delete.

For replacing a credential: create a key, try it (for a minute: IAM is eventually consistent),
switch over, disable the old key, delete it after an hour, when its last token is gone.

Source: cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from live.auth import Auth
from live.endpoint import Endpoint
from live.errors import (
    CredentialError,
    Diagnosis,
    InvalidRequest,
    LiveError,
    ProviderError,
    QuotaError,
)
from live.keyfile import fields_of
from live.rest_client import RestAnswer, malformed_answer, send

__all__ = ["IAM_BASE_URL", "KeyAdmin", "NewServiceAccountKey", "ServiceAccountKey"]

IAM_BASE_URL = "https://iam.googleapis.com"
_TIMEOUT = 20.0  # seconds for one request
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_EMAIL = re.compile(r"[A-Za-z0-9][\w.-]*@[A-Za-z0-9][A-Za-z0-9.-]*", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_NEW_KEY = {
    "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
    "keyAlgorithm": "KEY_ALG_RSA_2048",
}

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """A key as IAM shows it. `valid_before` is `None` for a key that never expires."""

    key_id: str
    email: str
    valid_after: datetime
    valid_before: datetime | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class NewServiceAccountKey:
    """A key that was just made, with the content of its JSON key file.

    IAM shows the file only this once. It is in no `repr`.
    """

    key: ServiceAccountKey
    info: Mapping[str, Any] = field(repr=False)


class KeyAdmin:
    """Administers the keys that users manage, of any service account that `auth` may administer.

    `auth` needs the scope of `VERTEX_SCOPES`, and its account the role Service Account Key
    Admin. A request takes 20 s at most and is not tried again.

    Every method raises `InvalidRequest` for a name that is none, and for an account or a key that
    does not exist; `CredentialError`, `QuotaError`, `ProviderError` and `NetworkError` for what
    the service or the way to it refuses. After a `NetworkError` the change may have been made.
    The constructor raises `CallerError` for an address that cannot be used.
    """

    def __init__(self, auth: Auth, *, base_url: str = IAM_BASE_URL) -> None:
        # An endpoint knows which addresses may be given a credential.
        self._base_url = Endpoint(base_url, "v1").base_url.rstrip("/")
        self._auth = auth

    async def list_keys(self, email: str) -> list[ServiceAccountKey]:
        """The account's keys that users manage, disabled ones too."""
        answer = await self._call("GET", f"{_keys(email)}?keyTypes=USER_MANAGED")
        return [_key(shown) for shown in _result(answer, _KeyList).keys]

    async def create_key(self, email: str) -> NewServiceAccountKey:
        """A new key (RSA 2048). An account holds 10: then `QuotaError` with `key_limit`.

        An organisation may forbid keys: `CredentialError` with `key_creation_forbidden`. After a
        `NetworkError`, see in the list whether there is a key that nobody holds, and delete it.
        """
        answer = await self._call("POST", _keys(email), _NEW_KEY)
        made = _result(answer, _Key, _CREATE_REFUSALS)
        key = _key(made)
        return NewServiceAccountKey(key, _key_file(made.private_key_data, key))

    async def upload_key(self, email: str, certificate: str) -> ServiceAccountKey:
        """A new key whose private half never leaves its owner.

        Args:
            certificate: of the public half (RSA 2048), X.509 in PEM; the key lives as long as it.

        An account holds 10: then `QuotaError` with `key_limit`. An organisation may forbid it:
        `CredentialError` with `key_upload_forbidden`. After a `NetworkError`, look for the key by
        its public half (`public_key`).
        """
        body = {"publicKeyData": base64.b64encode(certificate.encode()).decode()}
        answer = await self._call("POST", f"{_keys(email)}:upload", body)
        return _key(_result(answer, _Key, _CREATE_REFUSALS))

    async def public_key(self, email: str, key_id: str) -> bytes:
        """A key's public half: the SubjectPublicKeyInfo in DER."""
        path = f"{_one_key(email, key_id)}?publicKeyType=TYPE_RAW_PUBLIC_KEY"
        return _public_half(_result(await self._call("GET", path), _Key).public_key_data)

    async def disable_key(self, email: str, key_id: str) -> None:
        """Disable a key: no token is made with it any more, until it is enabled again.

        Tokens that were made before stay valid until they expire, for an hour at most.
        """
        _result(await self._call("POST", f"{_one_key(email, key_id)}:disable", {}), _Nothing)

    async def enable_key(self, email: str, key_id: str) -> None:
        """Enable a key that was disabled."""
        _result(await self._call("POST", f"{_one_key(email, key_id)}:enable", {}), _Nothing)

    async def delete_key(self, email: str, key_id: str) -> None:
        """Delete a key for good. Tokens that were made before stay valid until they expire."""
        _result(await self._call("DELETE", _one_key(email, key_id)), _Nothing)

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> RestAnswer:
        headers = await self._auth.headers()
        return await send(method, self._base_url + path, headers, body=body, timeout=_TIMEOUT)


# -- Names --------------------------------------------------------------------------------------


def _keys(email: str) -> str:
    if not _EMAIL.fullmatch(email):
        raise InvalidRequest(_EMAIL_MALFORMED)
    return f"/v1/projects/-/serviceAccounts/{email}/keys"


def _one_key(email: str, key_id: str) -> str:
    if not _KEY_ID.fullmatch(key_id):
        raise InvalidRequest(_KEY_ID_MALFORMED)
    return f"{_keys(email)}/{key_id}"


_EMAIL_MALFORMED = Diagnosis(
    "service_account_malformed",
    "The e-mail address is none of a service account.",
    "Use the client_email of its key file.",
)
_KEY_ID_MALFORMED = Diagnosis(
    "key_id_malformed", "The key's id is none.", "Use the private_key_id of the key file."
)


# -- Answers ------------------------------------------------------------------------------------


class _Nothing(msgspec.Struct):
    """An empty object."""


class _Key(msgspec.Struct, rename="camel"):
    name: str
    valid_after_time: _Time
    valid_before_time: _Time = _NEVER
    disabled: bool = False
    private_key_data: str = ""
    public_key_data: str = ""


class _KeyList(msgspec.Struct):
    keys: list[_Key] = []


def _key(shown: _Key) -> ServiceAccountKey:
    """From the name `projects/{project}/serviceAccounts/{email}/keys/{id}`."""
    parts = shown.name.split("/")
    if len(parts) != 6 or not _KEY_ID.fullmatch(parts[5]):
        raise malformed_answer()
    ends = None if shown.valid_before_time >= _NEVER else shown.valid_before_time
    return ServiceAccountKey(parts[5], parts[3], shown.valid_after_time, ends, shown.disabled)


def _key_file(data: str, key: ServiceAccountKey) -> dict[str, Any]:
    try:
        info: dict[str, Any] = msgspec.json.decode(
            base64.b64decode(data, validate=True), type=dict[str, Any]
        )
        fits = fields_of(info)["private_key_id"] == key.key_id
    except (binascii.Error, ValueError, msgspec.DecodeError, CredentialError):
        raise malformed_answer() from None
    if not fits:
        raise malformed_answer()
    return info


def _public_half(data: str) -> bytes:
    try:
        public = load_pem_public_key(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise malformed_answer() from None
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# -- Refusals -----------------------------------------------------------------------------------

_Row = tuple[int, str, type[LiveError], Diagnosis]

_LIMIT = Diagnosis(
    "key_limit",
    "The service account has no room for another key: it holds 10.",
    "Delete a key of the account that nobody uses.",
)
# The first row whose status fits and whose words occur in the answer is taken.
# fmt: off
_CREATE_REFUSALS: tuple[_Row, ...] = (
    (400, "Key creation is not allowed", CredentialError, Diagnosis(
        "key_creation_forbidden", "The organisation forbids keys of service accounts.",
        "Ask its administrators to lift iam.disableServiceAccountKeyCreation for the project.")),
    (400, "Key upload is not allowed", CredentialError, Diagnosis(
        "key_upload_forbidden", "The organisation forbids uploading keys of service accounts.",
        "Ask its administrators to lift iam.disableServiceAccountKeyUpload for the project.")),
    (400, "disableServiceAccountKeyUpload", CredentialError, Diagnosis(
        "key_upload_forbidden", "The organisation forbids uploading keys of service accounts.",
        "Ask its administrators to lift iam.disableServiceAccountKeyUpload for the project.")),
    # That is all that is said of an account with ten keys; it used to be the row below.
    (400, "Precondition check failed", QuotaError, _LIMIT),
    (429, "Maximum number of keys", QuotaError, _LIMIT),
)
_REFUSALS: tuple[_Row, ...] = (
    (400, "FAILED_PRECONDITION", InvalidRequest, Diagnosis(
        "key_precondition", "The state of the key or of its account does not allow this.",
        "List the keys, and see that the account is enabled.")),
    (400, "", InvalidRequest, Diagnosis(
        "key_request_refused", "IAM refused the request.",
        "Check the service account and the key.")),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", CredentialError, Diagnosis(
        "scope_insufficient", "The token lacks a scope.",
        "Ask for the scope cloud-platform.")),
    (403, "SERVICE_DISABLED", CredentialError, Diagnosis(
        "api_disabled", "The IAM API is not enabled in the project.",
        "Enable it in the Google Cloud console, then wait a few minutes.")),
    (403, "", CredentialError, Diagnosis(
        "permission_denied", "The credential may not administer the account's keys.",
        "Grant it the role Service Account Key Admin on the service account.")),
    (404, "", InvalidRequest, Diagnosis(
        "key_unknown", "The service account or the key does not exist.",
        "Check both; a new key may need a minute until it is seen.")),
    (409, "", ProviderError, Diagnosis(
        "key_conflict", "Another change of the account was under way.", "Try again.",
        permanent=False, retry_after=1.0)),
    (412, "", InvalidRequest, Diagnosis(
        "key_precondition", "The state of the key or of its account does not allow this.",
        "List the keys, and see that the account is enabled.")),
)
# fmt: on


def _result(answer: RestAnswer, kind: type[_Result], refusals: tuple[_Row, ...] = ()) -> _Result:
    if answer.status != 200:
        raise _refusal(answer, refusals)
    return answer.read(kind)


def _refusal(answer: RestAnswer, refusals: tuple[_Row, ...]) -> LiveError:
    text = answer.body[:4096].decode(errors="replace")
    for status, words, kind, diagnosis in (*refusals, *_REFUSALS):
        if status == answer.status and words in text:
            return kind(diagnosis, status, answer.message())
    return answer.error()
