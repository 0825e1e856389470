"""Real credentials are used when asked for, and never by accident."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from accounts.credentials import is_simulated, live_connection_settings
from accounts.models import Credential, Tenant
from accounts.tenancy import tenant_scope
from conversations.management.demo_credentials import (
    Offered,
    UnusableKeyFile,
    offered_credentials,
    use_offered,
    use_simulator,
)
from tests.cast import Cast

KEY = "AIza-not-a-real-key-0123456789"
SIMULATOR = ("http://127.0.0.1:9", "sim-0123456789abcdef")


@pytest.fixture
def tenant(cast: Cast) -> Tenant:
    return cast.acme.tenant


@pytest.fixture(scope="session")
def service_account() -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": "shop-1",
        "private_key_id": "abc",
        "private_key": pem.decode(),
        "client_email": "parley@shop-1.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


@pytest.fixture
def key_file(
    tmp_path: Path, service_account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Path:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(service_account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


def test_nothing_is_offered_by_an_empty_environment() -> None:
    assert offered_credentials(wanted=False) == []
    assert offered_credentials(wanted=True) == []


def test_a_key_asks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    (offered,) = offered_credentials(wanted=False)
    assert (offered.source, offered.secret) == ("GEMINI_API_KEY", KEY)
    assert KEY not in repr(offered)


def test_a_key_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    monkeypatch.setenv("GEMINI_API_KEY_FILE", str(file))
    (offered,) = offered_credentials(wanted=False)
    assert offered.secret == KEY


def test_a_key_file_for_other_tools_is_left_alone(key_file: Path) -> None:
    assert offered_credentials(wanted=False) == []


def test_a_service_account_is_used_when_asked_for(key_file: Path) -> None:
    (offered,) = offered_credentials(wanted=True)
    assert (offered.project, offered.location) == ("shop-1", "us-central1")
    assert offered.secret == key_file.read_text()


def test_project_and_location_may_be_chosen(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "shop-2")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    (offered,) = offered_credentials(wanted=True)
    assert (offered.project, offered.location) == ("shop-2", "europe-west4")


def test_a_persons_own_log_in_is_not_shared(key_file: Path) -> None:
    key_file.write_text('{"type": "authorized_user"}')
    assert offered_credentials(wanted=True) == []


@pytest.mark.parametrize("text", ["", "not JSON, with a secret"])
def test_a_broken_key_file_is_named_and_not_quoted(key_file: Path, text: str) -> None:
    key_file.write_text(text)
    with pytest.raises(UnusableKeyFile, match="GOOGLE_APPLICATION_CREDENTIALS") as caught:
        offered_credentials(wanted=True)
    assert "secret" not in str(caught.value)


def test_the_simulator_is_ready_to_talk_to(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        credential = use_simulator(tenant, *SIMULATOR)
        stored = Credential.objects.get(is_primary=True)
        endpoint, _ = live_connection_settings(stored)
    assert stored == credential
    assert is_simulated(stored)
    assert endpoint.url.startswith("ws://127.0.0.1:9/")


def test_the_simulator_again_changes_nothing(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        use_simulator(tenant, *SIMULATOR)
        before = Credential.objects.values().get()
        use_simulator(tenant, *SIMULATOR)
        assert Credential.objects.values().get() == before


def test_the_simulator_at_another_port_is_followed(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        use_simulator(tenant, *SIMULATOR)
        use_simulator(tenant, "http://127.0.0.1:10", "sim-another-0123456789")
        stored = Credential.objects.get()
        assert stored.base_url == "http://127.0.0.1:10"
        assert (stored.version, stored.state) == (2, Credential.State.ACTIVE)


def test_a_real_key_becomes_primary_until_a_run_without_it(tenant: Tenant) -> None:
    real = Offered("GEMINI_API_KEY", Credential.Kind.API_KEY, Credential.Endpoint.DEVELOPER, KEY)
    with tenant_scope(tenant.id):
        use_simulator(tenant, *SIMULATOR)
        chosen = use_offered(tenant, [real])
        assert Credential.objects.get(is_primary=True) == chosen
        assert chosen.base_url == ""
        use_simulator(tenant, *SIMULATOR)
        assert Credential.objects.get(is_primary=True).name == "Simulator"


def test_a_service_account_is_sealed(tenant: Tenant, key_file: Path) -> None:
    with tenant_scope(tenant.id):
        chosen = use_offered(tenant, offered_credentials(wanted=True))
        stored = Credential.objects.get(pk=chosen.pk)
    assert stored.client_email == "parley@shop-1.iam.gserviceaccount.com"
    assert (stored.endpoint, stored.location) == (Credential.Endpoint.VERTEX, "us-central1")
    assert b"PRIVATE KEY" not in bytes(stored.sealed_secret)


def test_a_secret_that_no_longer_opens_is_stored_anew(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        credential = use_simulator(tenant, *SIMULATOR)
        Credential.objects.filter(pk=credential.pk).update(
            state=Credential.State.UNDECRYPTABLE, sealed_secret=b"gone"
        )
        live_connection_settings(use_simulator(tenant, *SIMULATOR))
        assert Credential.objects.get().state == Credential.State.ACTIVE
