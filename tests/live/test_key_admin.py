import base64
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from live.auth import VERTEX_SCOPES, ApiKeyAuth, BearerTokenAuth, ServiceAccountAuth
from live.errors import (
    CallerError,
    CredentialError,
    InvalidRequest,
    LiveError,
    NetworkError,
    ProtocolError,
    ProviderError,
    QuotaError,
)
from live.key_admin import KeyAdmin, ServiceAccountKey
from live.keyfile import validate_service_account_info
from live.simulator import Simulator
from tests.live.rest_server import RestServer, rest_server
from tests.live.token_server import key_file

EMAIL = "live@p1.iam.gserviceaccount.com"
NAME = f"projects/p1/serviceAccounts/{EMAIL}/keys/key-1"
KEYS = f"/v1/projects/-/serviceAccounts/{EMAIL}/keys"
SHOWN = {"name": NAME, "validAfterTime": "2026-11-22T12:00:00Z"}
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

Call = Callable[[KeyAdmin], Awaitable[object]]
CALLS: dict[str, Call] = {
    "list": lambda admin: admin.list_keys(EMAIL),
    "create": lambda admin: admin.create_key(EMAIL),
    "disable": lambda admin: admin.disable_key(EMAIL, "key-1"),
    "enable": lambda admin: admin.enable_key(EMAIL, "key-1"),
    "delete": lambda admin: admin.delete_key(EMAIL, "key-1"),
    "upload": lambda admin: admin.upload_key(EMAIL, "a certificate"),
    "public": lambda admin: admin.public_key(EMAIL, "key-1"),
}


def with_file(info: dict[str, str]) -> dict[str, Any]:
    return {**SHOWN, "privateKeyData": base64.b64encode(json.dumps(info).encode()).decode()}


@pytest.fixture
def server() -> Iterator[RestServer]:
    with rest_server() as running:
        yield running


@pytest.fixture
def admin(server: RestServer) -> KeyAdmin:
    return KeyAdmin(BearerTokenAuth("ya29.secret"), base_url=server.url)


async def test_a_list(server: RestServer, admin: KeyAdmin) -> None:
    ends = {"validBeforeTime": "2026-12-01T00:00:00.5Z", "disabled": True, "keyOrigin": "X"}
    never = {"validBeforeTime": "9999-12-31T23:59:59Z"}
    server.answer = {"keys": [{**SHOWN, **never}, {**SHOWN, **ends, "name": NAME[:-1] + "2"}]}
    assert await admin.list_keys(EMAIL) == [
        ServiceAccountKey("key-1", EMAIL, NOON),
        ServiceAccountKey(
            "key-2", EMAIL, NOON, datetime(2026, 12, 1, 0, 0, 0, 500_000, UTC), disabled=True
        ),
    ]
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("GET", f"{KEYS}?keyTypes=USER_MANAGED")
    assert asked.headers["Authorization"] == "Bearer ya29.secret"
    server.answer = {}
    assert await admin.list_keys(EMAIL) == []


async def test_a_new_key_comes_with_its_file_and_shows_it_nowhere(
    server: RestServer, admin: KeyAdmin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer = with_file(key_file())
    made = await admin.create_key(EMAIL)
    assert made.info == key_file()
    assert made.key == ServiceAccountKey("key-1", EMAIL, NOON)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", KEYS)
    assert asked.body == {
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
    }
    shown = repr(made) + caplog.text
    assert "PRIVATE KEY" not in shown
    assert server.answer["privateKeyData"] not in shown
    assert "ya29" not in shown


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        ("disable", "POST", f"{KEYS}/key-1:disable"),
        ("enable", "POST", f"{KEYS}/key-1:enable"),
        ("delete", "DELETE", f"{KEYS}/key-1"),
    ],
)
async def test_one_key(
    server: RestServer, admin: KeyAdmin, call: str, method: str, path: str
) -> None:
    await CALLS[call](admin)
    assert [(asked.method, asked.path) for asked in server.asked] == [(method, path)]


async def test_an_upload(server: RestServer, admin: KeyAdmin) -> None:
    server.answer = SHOWN
    made = await admin.upload_key(EMAIL, "a certificate")
    assert made == ServiceAccountKey("key-1", EMAIL, NOON)
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", f"{KEYS}:upload")
    assert asked.body == {"publicKeyData": base64.b64encode(b"a certificate").decode()}


@pytest.mark.parametrize("data", ["", "?", "e30="])
async def test_a_public_half_that_cannot_be_read(
    server: RestServer, admin: KeyAdmin, data: str
) -> None:
    server.answer = {**SHOWN, "publicKeyData": data}
    with pytest.raises(ProtocolError):
        await admin.public_key(EMAIL, "key-1")


PRECONDITION = "Precondition check failed."
FORBIDDEN = "Key creation is not allowed on this service account."
NO_UPLOAD = "Key upload is not allowed on this service account."
FULL = "Maximum number of keys on account reached."


@pytest.mark.parametrize(
    ("call", "status", "message", "name", "kind", "code"),
    [
        ("create", 400, PRECONDITION, "FAILED_PRECONDITION", QuotaError, "key_limit"),
        ("create", 429, FULL, "RESOURCE_EXHAUSTED", QuotaError, "key_limit"),
        ("create", 429, "Slow down.", "RESOURCE_EXHAUSTED", QuotaError, "rate_limited"),
        (
            "create",
            400,
            FORBIDDEN,
            "FAILED_PRECONDITION",
            CredentialError,
            "key_creation_forbidden",
        ),
        ("upload", 400, PRECONDITION, "FAILED_PRECONDITION", QuotaError, "key_limit"),
        ("upload", 400, NO_UPLOAD, "FAILED_PRECONDITION", CredentialError, "key_upload_forbidden"),
        ("public", 404, "No.", "NOT_FOUND", InvalidRequest, "key_unknown"),
        ("enable", 400, PRECONDITION, "FAILED_PRECONDITION", InvalidRequest, "key_precondition"),
        ("disable", 412, PRECONDITION, "", InvalidRequest, "key_precondition"),
        ("list", 400, "Wrong.", "INVALID_ARGUMENT", InvalidRequest, "key_request_refused"),
        ("list", 401, "Who?", "UNAUTHENTICATED", CredentialError, "token_invalid"),
        ("create", 403, "No.", "PERMISSION_DENIED", CredentialError, "permission_denied"),
        ("list", 403, "No.", "SERVICE_DISABLED", CredentialError, "api_disabled"),
        (
            "list",
            403,
            "No.",
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            CredentialError,
            "scope_insufficient",
        ),
        ("delete", 404, "No.", "NOT_FOUND", InvalidRequest, "key_unknown"),
        ("create", 409, "Wait.", "ABORTED", ProviderError, "key_conflict"),
        ("delete", 503, "Later.", "UNAVAILABLE", ProviderError, "unavailable"),
    ],
)
async def test_what_iam_refuses(
    server: RestServer,
    admin: KeyAdmin,
    call: str,
    status: int,
    message: str,
    name: str,
    kind: type[LiveError],
    code: str,
) -> None:
    server.refuse(status, message, name)
    with pytest.raises(kind) as caught:
        await CALLS[call](admin)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.fix


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON",
        {"keys": 1},
        {"keys": [{"name": NAME}]},
        {"keys": [{**SHOWN, "validAfterTime": "2026-11-22T12:00:00"}]},
        {"keys": [{**SHOWN, "name": "key-1"}]},
        {"keys": [{**SHOWN, "name": NAME + "?"}]},
    ],
)
async def test_a_list_that_cannot_be_read(server: RestServer, admin: KeyAdmin, answer: Any) -> None:
    server.answer = answer
    with pytest.raises(ProtocolError):
        await admin.list_keys(EMAIL)


@pytest.mark.parametrize(
    "answer",
    [
        SHOWN,
        {**SHOWN, "privateKeyData": "?"},
        {**SHOWN, "privateKeyData": "e30="},
        {**SHOWN, "privateKeyData": "W10="},
        {**SHOWN, "privateKeyData": "/w=="},
        with_file({**key_file(), "private_key_id": "another"}),
        with_file({**key_file(), "private_key": ""}),
    ],
)
async def test_a_key_file_that_cannot_be_read(
    server: RestServer, admin: KeyAdmin, answer: Any
) -> None:
    server.answer = answer
    with pytest.raises(ProtocolError) as caught:
        await admin.create_key(EMAIL)
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize("email", ["", "a", "a@b/../c", "a@b?x", "a b@c", "a@b\n"])
@pytest.mark.parametrize("call", ["list_keys", "create_key"])
async def test_an_address_that_is_none(
    server: RestServer, admin: KeyAdmin, email: str, call: str
) -> None:
    with pytest.raises(InvalidRequest):
        await getattr(admin, call)(email)
    assert server.asked == []


@pytest.mark.parametrize("key_id", ["", "a/b", "a:enable", "a?b", "a\n"])
@pytest.mark.parametrize("call", ["disable_key", "enable_key", "delete_key"])
async def test_a_key_id_that_is_none(
    server: RestServer, admin: KeyAdmin, key_id: str, call: str
) -> None:
    with pytest.raises(InvalidRequest):
        await getattr(admin, call)(EMAIL, key_id)
    assert server.asked == []


def test_a_credential_goes_to_safe_addresses_only() -> None:
    for url in ("http://iam.example.com", "ftp://x", "https://user@iam.example.com"):
        with pytest.raises(CallerError):
            KeyAdmin(BearerTokenAuth("ya29.x"), base_url=url)


async def test_nobody_at_home() -> None:
    with rest_server() as stopped:
        admin = KeyAdmin(BearerTokenAuth("ya29.x"), base_url=stopped.url)
    with pytest.raises(NetworkError):
        await admin.list_keys(EMAIL)


# -- Against the simulator ----------------------------------------------------------------------


async def test_a_credential_is_replaced() -> None:
    async with Simulator() as simulator:
        old = simulator.service_account_info()
        email, old_id = old["client_email"], old["private_key_id"]
        auth = ServiceAccountAuth.from_info(old, VERTEX_SCOPES)
        admin = KeyAdmin(auth, base_url=simulator.url)
        made = await admin.create_key(email)
        info = validate_service_account_info(json.dumps(made.info))
        new = ServiceAccountAuth.from_info(info, VERTEX_SCOPES)
        assert (await new.headers())["Authorization"].startswith("Bearer ")
        admin = KeyAdmin(new, base_url=simulator.url)
        await admin.disable_key(email, old_id)
        keys = {key.key_id: key for key in await admin.list_keys(email)}
        assert keys.keys() == {old_id, made.key.key_id}
        assert keys[made.key.key_id] == made.key
        assert keys[old_id].disabled
        await refused(old, "key_revoked")
        await admin.enable_key(email, old_id)
        await ServiceAccountAuth.from_info(old, VERTEX_SCOPES).headers()
        await admin.delete_key(email, old_id)
        await refused(old, "key_revoked")
        with pytest.raises(InvalidRequest) as caught:
            await admin.delete_key(email, old_id)
        assert caught.value.code == "key_unknown"


async def test_an_uploaded_key_is_found_by_its_public_half() -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    async with Simulator() as simulator:
        info = simulator.service_account_info()
        email = info["client_email"]
        auth = ServiceAccountAuth.from_info(info, VERTEX_SCOPES)
        admin = KeyAdmin(auth, base_url=simulator.url)
        certificate = authority.cert_pem.bytes()
        made = await admin.upload_key(email, certificate.decode())
        assert await admin.public_key(email, made.key_id) == half_of(
            x509.load_pem_x509_certificate(certificate).public_key()
        )
        old = serialization.load_pem_private_key(info["private_key"].encode(), None)
        assert await admin.public_key(email, info["private_key_id"]) == half_of(old.public_key())


def half_of(key: Any) -> bytes:
    half: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return half


async def refused(info: dict[str, str], code: str) -> None:
    with pytest.raises(CredentialError) as caught:
        await ServiceAccountAuth.from_info(info, VERTEX_SCOPES).headers()
    assert caught.value.code == code


async def test_an_account_that_is_full_and_a_key_in_place_of_a_token() -> None:
    async with Simulator() as simulator:
        info = simulator.service_account_info()
        for number in range(9):
            simulator.accounts.trust({**info, "private_key_id": f"k{number}"})
        auth = ServiceAccountAuth.from_info(info, VERTEX_SCOPES)
        with pytest.raises(QuotaError) as full:
            await KeyAdmin(auth, base_url=simulator.url).create_key(info["client_email"])
        api_key = KeyAdmin(ApiKeyAuth(simulator.api_key), base_url=simulator.url)
        with pytest.raises(CredentialError) as wrong:
            await api_key.list_keys(info["client_email"])
    assert full.value.code == "key_limit"
    assert full.value.permanent
    assert wrong.value.status == 401
