"""A tenant's Gemini credentials: a secret goes in sealed, and comes out as a connection only.

Secrets are write-only. What people may see of one stands in the row's own fields.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.database import in_database
from accounts.keyset import KeyMissing, KeysetError, Unsealable
from accounts.models import Credential
from accounts.signals import tell_if_failed
from accounts.tenancy import tenant_scope
from live import (
    DEVELOPER_SCOPES,
    VERTEX_SCOPES,
    ApiKeyAuth,
    Auth,
    AuthorizedUser,
    AuthorizedUserAuth,
    Endpoint,
    LiveError,
    ServiceAccountAuth,
    validate_authorized_user_info,
    validate_service_account_info,
)


# CredentialUnusable              a conversation cannot start with what is stored
# ├── NoCredential                the tenant has none to talk with
# ├── CredentialsFailing          all that it has fail, and wait for somebody
# │   └── CredentialsResting      one of them comes back by itself
# ├── CredentialUndecryptable     its secret does not open with our keyset
# ├── CredentialOutOfService      its state or kind does not allow it
# └── CredentialMalformed         its endpoint or key cannot be used
class CredentialUnusable(Exception):
    """No connection can be made with what is stored. `fix` is for the tenant's administrators."""

    code = "credential-unusable"
    fix = "Check the organisation's Gemini credential."


class NoCredential(CredentialUnusable):
    code = "credential-missing"
    fix = "Add a Gemini credential and make it the primary one."

    def __init__(self, tenant_id: UUID) -> None:
        super().__init__("The organisation has no Gemini credential to talk with.")
        self.tenant_id = tenant_id


class CredentialsFailing(CredentialUnusable):
    code = "credentials-failing"
    fix = "Verify one of the organisation's Gemini credentials, or add another one."

    def __init__(self) -> None:
        super().__init__("No credential of the organisation works.")


class CredentialsResting(CredentialsFailing):
    """The quota of one of them is used up for the moment."""

    code = "credentials-resting"
    fix = "Wait until it is tried again, add another credential, or raise the quota."


class CredentialUndecryptable(CredentialUnusable):
    code = "credential-undecryptable"
    fix = Unsealable.fix

    def __init__(self) -> None:
        super().__init__("The credential's secret does not open with this server's keyset.")


class CredentialOutOfService(CredentialUnusable):
    code = "credential-out-of-service"
    fix = "Choose another credential as the primary one."

    def __init__(self, what: str) -> None:
        super().__init__(f"The credential cannot be used: it is {what}.")


class CredentialMalformed(CredentialUnusable):
    """`code` and `fix` are those of the LiveError or KeysetError behind it."""

    def __init__(self, error: LiveError | KeysetError) -> None:
        super().__init__(str(error))
        self.code, self.fix = error.code, error.fix


class InvalidSecret(ValueError):
    """What was entered cannot be a secret of this kind. The text never quotes it."""


_SCOPES = {
    Credential.Endpoint.VERTEX: VERTEX_SCOPES,
    Credential.Endpoint.DEVELOPER: DEVELOPER_SCOPES,
}
_OUT_OF_SERVICE = frozenset({Credential.State.REVOKED, Credential.State.UNDECRYPTABLE})
_FINGERPRINT_CHARS = 16
_AUTHS_KEPT = 1024  # a few kilobytes each


def set_secret(credential: Credential, text: str) -> None:
    """Put a secret into `credential`, which is not saved here: an API key, or the JSON text of
    a service-account key or of a person's sign-in, as `credential.kind` says. Sets the facts that
    may be shown.

    Parsing a private key takes 30 ms of CPU: never on an event loop.

    Raises:
        InvalidSecret: the text is no secret of this kind.
        LiveError: the file cannot be used; the text names what is wrong.
        KeysetUnreadable: there is nothing to seal with.
    """
    secret = _READERS[Credential.Kind(credential.kind)](credential, text.strip())
    credential.sealed_secret = Credential.sealed_secret.field.seal(credential, secret)
    credential.fingerprint = _fingerprint(secret)
    credential.version += 1
    credential.state = Credential.State.PENDING
    forget_failure(credential)


def forget_failure(credential: Credential) -> None:
    """It works, or is another secret now. The row is not saved here."""
    credential.failed_at = credential.rests_until = None
    credential.failure_code = credential.failure = ""
    credential.failures_in_row = 0


def _fingerprint(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()[:_FINGERPRINT_CHARS]


def _read_api_key(credential: Credential, text: str) -> bytes:
    if not text.isascii() or not text.isprintable() or " " in text or len(text) < 16:
        raise InvalidSecret("This is no API key: a key is one word of at least 16 characters.")
    credential.client_email = credential.key_id = ""
    credential.last_four = text[-4:]
    return text.encode()


def _read_service_account(credential: Credential, text: str) -> bytes:
    info = validate_service_account_info(text)
    credential.client_email = info["client_email"]
    credential.key_id = info.get("private_key_id", "")
    credential.project = credential.project or info.get("project_id", "")
    credential.last_four = ""
    return json.dumps(info, sort_keys=True).encode()


def _read_authorized_user(credential: Credential, text: str) -> bytes:
    info = validate_authorized_user_info(text)
    credential.client_email = credential.last_four = ""
    credential.key_id = info["client_id"]  # it names the program that the person signed in with
    credential.project = credential.project or info.get("quota_project_id", "")
    return json.dumps(info, sort_keys=True).encode()


_READERS: dict[Credential.Kind, Callable[[Credential, str], bytes]] = {
    Credential.Kind.API_KEY: _read_api_key,
    Credential.Kind.SERVICE_ACCOUNT: _read_service_account,
    Credential.Kind.AUTHORIZED_USER: _read_authorized_user,
}


def live_connection_settings(credential: Credential) -> tuple[Endpoint, Auth]:
    """Where to connect, and as whom. Runs an ORM query only when the secret does not open.

    The same secret gives the same Auth each time, so that all its sessions in this process
    share one access token.

    Raises:
        CredentialUnusable: the credential is revoked or malformed, or its secret does not open
            (its state is then `undecryptable`).
    """
    return _settings(credential, _auth_of)


def trial_connection_settings(credential: Credential) -> tuple[Endpoint, Auth]:
    """The same, with an Auth of its own that nobody else holds: an Auth stays with one event
    loop, and a trial has another one than the sessions. The credential need not be stored.

    Raises:
        CredentialUnusable: as `live_connection_settings`.
    """
    return _settings(credential, _make_auth)


def _settings(
    credential: Credential, auth_of: Callable[[Credential], Auth]
) -> tuple[Endpoint, Auth]:
    if credential.state in _OUT_OF_SERVICE:
        raise CredentialOutOfService(credential.get_state_display().lower())
    try:
        return endpoint_of(credential), auth_of(credential)
    except (LiveError, KeysetError) as error:
        raise CredentialMalformed(error) from None


def is_simulated(credential: Credential) -> bool:
    """Whether the credential talks to something that is not Google."""
    host = urlsplit(_base_url(credential) or "https://aiplatform.googleapis.com").hostname
    return host is None or not f".{host}".endswith(".googleapis.com")


def _base_url(credential: Credential) -> str | None:
    if credential.base_url:
        return credential.base_url
    if credential.endpoint == Credential.Endpoint.DEVELOPER:
        return str(settings.GEMINI_BASE_URL)
    return None  # Vertex AI: the location's own host


def endpoint_of(credential: Credential) -> Endpoint:
    """Where the credential connects. Raises LiveError for a place that cannot be used."""
    base_url = _base_url(credential)
    if credential.endpoint == Credential.Endpoint.VERTEX:
        return Endpoint.vertex(credential.project, credential.location, base_url=base_url)
    return Endpoint.developer(base_url=base_url) if base_url else Endpoint.developer()


_auths: OrderedDict[tuple[UUID, int, str], Auth] = OrderedDict()
_auths_lock = threading.Lock()


def _auth_of(credential: Credential) -> Auth:
    key = (credential.pk, credential.version, credential.endpoint)
    with _auths_lock:
        if key not in _auths:
            _auths[key] = _make_auth(credential)
        _auths.move_to_end(key)
        while len(_auths) > _AUTHS_KEPT:
            _auths.popitem(last=False)
        return _auths[key]


def _make_auth(credential: Credential) -> Auth:
    secret = _open_secret(credential)
    if credential.kind == Credential.Kind.API_KEY:
        return ApiKeyAuth(secret.decode())
    info: dict[str, Any] = json.loads(secret)
    if credential.kind == Credential.Kind.SERVICE_ACCOUNT:
        return ServiceAccountAuth.from_info(info, _SCOPES[Credential.Endpoint(credential.endpoint)])
    return AuthorizedUserAuth(
        AuthorizedUser.from_info(info),
        on_rotated=partial(_keep_rotated, credential),
        quota_project=credential.project or None,
    )


async def _keep_rotated(credential: Credential, user: AuthorizedUser) -> None:
    """The token endpoint has replaced the refresh token: the old one is worth nothing now."""
    await in_database(_store_rotated, credential, json.dumps(user.to_info(), sort_keys=True))


def _store_rotated(credential: Credential, text: str) -> None:
    sealed = Credential.sealed_secret.field.seal(credential, text.encode())
    with tenant_scope(credential.tenant_id):
        same = Credential.objects.filter(pk=credential.pk, version=credential.version)
        same.update(sealed_secret=sealed, fingerprint=_fingerprint(text.encode()))


def _open_secret(credential: Credential) -> bytes:
    try:
        return Credential.sealed_secret.field.unseal(credential)
    except KeyMissing:
        # This machine's keyset lacks the key, another's may have it: no fact about the row.
        raise CredentialUndecryptable from None
    except Unsealable:
        _mark_undecryptable(credential)
        raise CredentialUndecryptable from None


def _mark_undecryptable(credential: Credential) -> None:
    state = Credential.State.UNDECRYPTABLE
    same = Credential.objects.filter(pk=credential.pk, version=credential.version)
    with transaction.atomic():
        if same.exclude(state=state).update(state=state):
            tell_if_failed(same.get(), credential.state)
