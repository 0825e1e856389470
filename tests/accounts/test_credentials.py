import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django.fixtures import Settings

import live
from accounts.credentials import (
    CredentialMalformed,
    CredentialOutOfService,
    CredentialUndecryptable,
    CredentialUnusable,
    InvalidSecret,
    _store_rotated,
    endpoint_of,
    is_simulated,
    live_connection_settings,
    set_secret,
    trial_connection_settings,
)
from accounts.keyset import create_keyset
from accounts.models import Credential, Tenant
from accounts.tenancy import platform_scope, tenant_scope

API_KEY = "AIza-canary-0123456789-wxyz"


@pytest.fixture(autouse=True)
def _installation(keyset_file: object, settings: Settings) -> None:
    """Everything is sealed with the run's keyset; nothing here opens a connection."""
    settings.GEMINI_BASE_URL = "https://generativelanguage.googleapis.com"


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


@pytest.fixture(scope="module")
def key_file() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "acme-project",
        "private_key_id": "key-1",
        "private_key": pem.decode(),
        "client_email": "parley@acme-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def make(tenant: Tenant, secret: str = API_KEY, **fields: Any) -> Credential:
    credential = Credential(
        tenant=tenant, **{"name": "main", "kind": "api_key", "endpoint": "developer", **fields}
    )
    set_secret(credential, secret)
    with tenant_scope(tenant.pk):
        credential.save()
        credential.refresh_from_db()
    return credential


def make_service_account(tenant: Tenant, key_file: dict[str, str], **fields: Any) -> Credential:
    fields = {"endpoint": "vertex", "location": "europe-west4", **fields}
    return make(tenant, json.dumps(key_file), kind="service_account", **fields)


async def headers_of(credential: Credential) -> dict[str, str]:
    _, auth = live_connection_settings(credential)
    return await auth.headers()


def test_an_api_key_goes_in_sealed(tenant: Tenant) -> None:
    credential = make(tenant, f"  {API_KEY}\n")
    assert credential.last_four == "wxyz"
    assert (credential.state, credential.version) == ("pending", 1)
    with tenant_scope(tenant.pk):
        stored = Credential.objects.values().get()
    assert b"canary" not in bytes(stored["sealed_secret"])
    assert "canary" not in str(stored) + repr(credential) + repr(vars(credential))


async def test_an_api_key_comes_out_as_a_connection() -> None:
    credential = Credential(tenant=Tenant(), kind="api_key", endpoint="developer")
    set_secret(credential, API_KEY)
    endpoint, auth = live_connection_settings(credential)
    assert endpoint == live.Endpoint.developer()
    assert await auth.headers() == {"x-goog-api-key": API_KEY}


def test_a_service_account_shows_its_facts(tenant: Tenant, key_file: dict[str, str]) -> None:
    credential = make_service_account(tenant, key_file)
    assert credential.client_email == key_file["client_email"]
    assert (credential.key_id, credential.project) == ("key-1", "acme-project")
    assert len(credential.fingerprint) == 16
    endpoint, auth = live_connection_settings(credential)
    assert endpoint == live.Endpoint.vertex("acme-project", "europe-west4")
    assert isinstance(auth, live.ServiceAccountAuth)


def test_a_chosen_project_is_kept(tenant: Tenant, key_file: dict[str, str]) -> None:
    assert make_service_account(tenant, key_file, project="other").project == "other"


def test_a_key_file_with_something_missing(tenant: Tenant, key_file: dict[str, str]) -> None:
    broken = {name: value for name, value in key_file.items() if name != "private_key"}
    with pytest.raises(live.CredentialError, match="private_key"):
        make_service_account(tenant, broken)


@pytest.mark.parametrize("text", ["", "short", "two words of a certain length", "ключ" * 8])
def test_what_is_no_api_key(tenant: Tenant, text: str) -> None:
    with pytest.raises(InvalidSecret) as raised:
        make(tenant, text)
    assert not text or text not in str(raised.value)


PERSON = {
    "type": "authorized_user",
    "client_id": "an-id.apps.googleusercontent.com",
    "client_secret": "canary-of-the-client",
    "refresh_token": "canary-of-the-person",
    "quota_project_id": "shop",
}


def make_person(tenant: Tenant) -> Credential:
    fields = {"kind": "authorized_user", "endpoint": "vertex", "location": "europe-west4"}
    return make(tenant, json.dumps(PERSON), **fields)


def test_a_person_s_own_sign_in(tenant: Tenant) -> None:
    credential = make_person(tenant)
    assert (credential.project, credential.key_id) == ("shop", PERSON["client_id"])
    assert (credential.client_email, credential.last_four) == ("", "")
    _, auth = live_connection_settings(credential)
    assert isinstance(auth, live.AuthorizedUserAuth)
    assert auth.user.refresh_token == "canary-of-the-person"
    with pytest.raises(live.LiveError):
        make(tenant, '{"type": "authorized_user"}', kind="authorized_user")


def test_a_refresh_token_that_is_replaced_is_kept_sealed(tenant: Tenant) -> None:
    credential = make_person(tenant)
    text = json.dumps({**PERSON, "refresh_token": "canary-of-tomorrow"})
    _store_rotated(credential, text)
    with tenant_scope(tenant.pk):
        again = Credential.objects.get(pk=credential.pk)
    assert b"canary" not in again.sealed_secret
    assert again.fingerprint != credential.fingerprint
    _, auth = trial_connection_settings(again)
    assert isinstance(auth, live.AuthorizedUserAuth)
    assert auth.user.refresh_token == "canary-of-tomorrow"


def test_one_auth_for_all_sessions_of_a_secret(tenant: Tenant) -> None:
    credential = make(tenant)
    with tenant_scope(tenant.pk):
        again = Credential.objects.get()
    assert live_connection_settings(credential)[1] is live_connection_settings(again)[1]


async def test_a_new_secret_is_a_new_auth() -> None:
    credential = Credential(tenant=Tenant(), kind="api_key", endpoint="developer")
    set_secret(credential, API_KEY)
    before = credential.fingerprint
    assert await headers_of(credential) == {"x-goog-api-key": API_KEY}
    set_secret(credential, API_KEY + "2")
    assert await headers_of(credential) == {"x-goog-api-key": API_KEY + "2"}
    assert credential.fingerprint != before


def test_a_ciphertext_moved_to_another_row_does_not_open(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="globex", name="Globex")
    source = make(tenant)
    neighbour, stranger = make(tenant, API_KEY + "2"), make(other, API_KEY + "3")
    for thief in (neighbour, stranger):
        thief.sealed_secret, thief.version = source.sealed_secret, 7
        with platform_scope("test"):
            thief.save()
            with pytest.raises(CredentialUndecryptable) as raised:
                live_connection_settings(thief)
            thief.refresh_from_db()
        assert "canary" not in str(raised.value)
        assert thief.state == Credential.State.UNDECRYPTABLE
        with pytest.raises(CredentialOutOfService, match="undecryptable"):
            live_connection_settings(thief)


def test_a_key_that_this_machine_lacks_says_nothing_about_the_row(
    tenant: Tenant, own_keyset: Path
) -> None:
    """Another machine may have it: its conversations go on."""
    credential = make(tenant)
    ours = own_keyset.read_bytes()
    own_keyset.unlink()
    create_keyset(own_keyset)
    with tenant_scope(tenant.pk):
        with pytest.raises(CredentialUndecryptable):
            live_connection_settings(credential)
        credential.refresh_from_db()
        assert credential.state == Credential.State.PENDING
        own_keyset.write_bytes(ours)
        live_connection_settings(credential)


def test_a_revoked_credential_opens_no_more(tenant: Tenant) -> None:
    credential = make(tenant)
    live_connection_settings(credential)
    credential.state = Credential.State.REVOKED
    with pytest.raises(CredentialUnusable, match="revoked"):
        live_connection_settings(credential)


def test_what_was_stored_and_cannot_be_used(tenant: Tenant, settings: Settings) -> None:
    credential = make(tenant, base_url="http://example.com")
    with pytest.raises(CredentialMalformed, match="unencrypted") as raised:
        live_connection_settings(credential)
    assert raised.value.code == "endpoint_unusable"
    settings.KEYSET_FILE = settings.KEYSET_FILE + ".gone"
    fresh = Credential(tenant=tenant, kind="api_key", endpoint="developer", version=1)
    with pytest.raises(CredentialMalformed) as raised:
        live_connection_settings(fresh)
    assert raised.value.code == "keyset-unreadable"


def test_where_it_connects(settings: Settings) -> None:
    settings.GEMINI_BASE_URL = "http://127.0.0.1:9"
    developer = Credential(endpoint="developer")
    vertex = Credential(endpoint="vertex", project="p", location="global")
    assert endpoint_of(developer).base_url == "http://127.0.0.1:9"
    assert endpoint_of(vertex).base_url == "https://aiplatform.googleapis.com"
    developer.base_url = vertex.base_url = "https://127.0.0.1:10"
    assert endpoint_of(developer).base_url == endpoint_of(vertex).base_url == "https://127.0.0.1:10"


@pytest.mark.parametrize(
    ("base_url", "simulated"),
    [
        ("", False),
        ("https://generativelanguage.googleapis.com", False),
        ("http://127.0.0.1:9000", True),
        ("https://googleapis.com.example.org", True),
        ("https://evilgoogleapis.com", True),
    ],
)
def test_whether_it_is_simulated(base_url: str, simulated: bool) -> None:
    for endpoint in ("developer", "vertex"):
        assert is_simulated(Credential(endpoint=endpoint, base_url=base_url)) is simulated
