import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.failover.failures import Failure, note_failure
from accounts.models import AuditEntry, Credential
from accounts.tenancy import platform_scope
from live.simulator import Simulator
from tests.accounts.admin.desk import SECRET, act, add, audited, simulator_in_thread, store
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db
BASE = "/admin/accounts/credential/"
GOOD = "sim-key-canary-of-these-tests"


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulator]:
    with simulator_in_thread(api_keys=[GOOD]) as running:
        settings.GEMINI_BASE_URL = running.url
        yield running


@pytest.fixture
def owner(cast: Cast, keyset_file: object) -> Client:
    return signed_in(cast.acme.owner)


@pytest.fixture
def operator(cast: Cast, keyset_file: object) -> Client:
    return signed_in(cast.operator)


def credentials() -> list[Credential]:
    with platform_scope("test"):
        return list(Credential.objects.select_related("tenant").order_by("id"))


def account_file(simulator: Simulator, **fields: Any) -> str:
    return json.dumps({**simulator.service_account_info(), **fields})


def test_a_key_is_tried_stored_and_never_comes_out(
    cast: Cast, owner: Client, simulator: Simulator
) -> None:
    answer = add(owner, "credential", name="main", secret=GOOD)
    assert answer.status_code == 302
    [credential] = credentials()
    assert (credential.tenant, credential.created_by) == (cast.acme.tenant, cast.acme.owner)
    assert (credential.kind, credential.endpoint) == ("api_key", "developer")
    assert (credential.state, credential.is_primary) == ("active", True)
    assert credential.verified_at is not None
    assert credential.verification is not None
    assert credential.verification["ok"]
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="credential.created")
        entries = str(list(AuditEntry.objects.values()))
    assert entry.after is not None
    assert entry.after["secrets"] == ["secret"]
    assert "canary" not in entries
    for address in ("", f"{credential.pk}/change/", f"{credential.pk}/history/"):
        assert "canary" not in owner.get(f"{BASE}{address}").text
    change = owner.get(f"{BASE}{credential.pk}/change/").text
    assert credential.fingerprint in change
    assert "The service accepted a session" in change


def test_a_key_file_of_the_operators_own_place(owner: Client, simulator: Simulator) -> None:
    """The file's address is the one that the operator set: the credential goes there too."""
    info = simulator.service_account_info()
    assert add(owner, "credential", name="robot", secret=json.dumps(info)).status_code == 302
    [credential] = credentials()
    assert (credential.kind, credential.endpoint) == ("service_account", "vertex")
    assert (credential.project, credential.location) == (info["project_id"], "us-central1")
    assert (credential.base_url, credential.state) == (simulator.url, "active")


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "Drop the key file here"),
        ('{"type": "service_account", ', "breaks off in line 1"),
        ("these are some words", "This is no JSON"),
        ('{"type": "authorized_user"}', "The field refresh_token is missing."),
        ('{"type": "external_account"}', "names an identity provider and holds no key"),
        ('{"installed": {}}', "OAuth client&#x27;s file"),
        ('{"type": "service_account"}', "The field private_key is missing."),
        ("short", "This is no API key"),
    ],
)
def test_a_wrong_file_is_explained_and_nothing_is_stored(
    owner: Client, secret: str, told: str
) -> None:
    answer = add(owner, "credential", name="main", secret=secret)
    assert answer.status_code == 200
    assert told in answer.text
    assert credentials() == []
    assert "credential.created" not in audited()


def test_a_file_that_names_a_strange_address_is_refused(
    owner: Client, simulator: Simulator, settings: Settings
) -> None:
    settings.DEMO = False
    secret = account_file(simulator, token_uri="https://elsewhere.example/token")
    answer = add(owner, "credential", name="main", secret=secret)
    assert "names a place we do not ask" in answer.text
    assert credentials() == []


def test_a_tenant_cannot_name_an_address(owner: Client, simulator: Simulator) -> None:
    fields = {"name": "main", "secret": GOOD, "base_url": "http://127.0.0.1:1"}
    answer = add(owner, "credential", **fields)
    assert "not one of the available choices" in answer.text
    assert credentials() == []


def test_a_deleted_key_is_named_as_such(owner: Client, simulator: Simulator) -> None:
    info = simulator.service_account_info()
    other = simulator.service_account_info("another")
    secret = json.dumps({**info, "private_key": other["private_key"]})
    answer = add(owner, "credential", name="main", secret=secret)
    assert answer.status_code == 200
    assert "it was deleted or disabled" in answer.text
    assert "Create a new key for the service account" in answer.text
    assert credentials() == []
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("script", "told", "fix"),
    [
        ("http-403", "may not use the Live API", "grant the account the role"),
        ("key-expired", "The API key has expired.", "Create a key"),
        ("http-429", "Too many connections", "Wait 60 s"),
    ],
)
def test_what_google_refuses_is_explained(
    owner: Client, simulator: Simulator, script: str, told: str, fix: str
) -> None:
    simulator.script(script)
    answer = add(owner, "credential", name="main", secret=account_file(simulator))
    assert answer.status_code == 200
    assert told in answer.text
    assert fix in answer.text
    assert credentials() == []


def test_an_api_that_is_not_enabled_is_named_as_such(owner: Client, simulator: Simulator) -> None:
    simulator.api_disabled = True
    answer = add(owner, "credential", name="main", secret=account_file(simulator))
    assert "The API is not enabled in the project." in answer.text
    assert "aiplatform.googleapis.com" in answer.text
    assert credentials() == []


def test_a_person_s_own_sign_in(owner: Client, simulator: Simulator) -> None:
    info = {**simulator.authorized_user_info(), "quota_project_id": "parley-simulator"}
    explained = owner.post(f"{BASE}explain/", {"secret": json.dumps(info)})
    assert "acts as the person who signed in" in explained.text
    assert info["refresh_token"] not in explained.text
    assert info["client_secret"] not in explained.text
    fields = {"name": "mine", "secret": json.dumps(info), "position": "3"}
    assert add(owner, "credential", **fields).status_code == 302
    [credential] = credentials()
    assert (credential.kind, credential.endpoint) == ("authorized_user", "vertex")
    assert (credential.project, credential.key_id) == ("parley-simulator", info["client_id"])
    assert (credential.state, credential.position) == ("active", 3)
    assert info["refresh_token"].encode() not in credential.sealed_secret
    page = owner.get(f"{BASE}{credential.pk}/change/")
    assert info["refresh_token"] not in page.text


def test_a_failure_stands_over_every_page_until_it_is_mended(
    cast: Cast, owner: Client, operator: Client, simulator: Simulator
) -> None:
    assert add(owner, "credential", name="main", secret=GOOD).status_code == 302
    [credential] = credentials()
    pages = ("/admin/", BASE, "/admin/accounts/apikey/", f"{BASE}{credential.pk}/change/")
    quiet = "No Gemini credential works"
    assert not any(quiet in owner.get(page).text for page in pages)
    failure = Failure("api_key_invalid", "The API key is not valid.")
    with platform_scope("test"):
        note_failure(credential.pk, credential.version, failure, timezone.now())
    assert all(quiet in owner.get(page).text for page in pages)
    assert quiet not in signed_in(cast.globex.owner).get("/admin/").text
    assert quiet not in operator.get("/admin/").text
    assert "None works" in operator.get("/admin/accounts/tenant/").text
    owner.post(f"{BASE}{credential.pk}/verify/")
    [mended] = credentials()
    assert (mended.state, mended.failure, mended.failed_at) == ("active", "", None)
    assert not any(quiet in owner.get(page).text for page in pages)


def test_a_wrong_clock_is_named_as_such(owner: Client, settings: Settings) -> None:
    with simulator_in_thread(wall=lambda: 1_000_000_000.0) as past:
        settings.GEMINI_BASE_URL = past.url
        answer = add(owner, "credential", name="main", secret=account_file(past))
    assert "clock is wrong" in answer.text
    assert "Set the clock by NTP." in answer.text
    assert credentials() == []


def test_a_wrong_project_is_noted(owner: Client, simulator: Simulator) -> None:
    fields = {"secret": account_file(simulator), "project": "another-project"}
    answer = owner.post(f"{BASE}explain/", fields)
    assert "and another-project was entered" in answer.text
    assert "given a role in the project" in answer.text


def test_a_key_that_does_not_work_is_stored_only_on_request(
    owner: Client, simulator: Simulator
) -> None:
    fields = {"name": "main", "secret": SECRET}
    answer = add(owner, "credential", **fields)
    assert "Nothing was stored. The API key is not valid." in answer.text
    assert "What to do:" in answer.text
    assert "canary" not in answer.text
    assert credentials() == []
    assert add(owner, "credential", **fields, store_anyway="on").status_code == 302
    [credential] = credentials()
    assert (credential.state, credential.is_primary) == ("failing", False)


def test_trying_stores_nothing(owner: Client, simulator: Simulator) -> None:
    answer = owner.post(f"{BASE}try/", {"name": "main", "secret": GOOD})
    assert "It works" in answer.text
    answer = owner.post(f"{BASE}try/", {"name": "main", "secret": SECRET})
    assert "It does not work" in answer.text
    assert "canary" not in answer.text
    assert "Drop the key file" in owner.post(f"{BASE}try/", {"name": "main"}).text
    assert credentials() == []


def test_explaining_shows_each_line_and_no_secret(owner: Client, simulator: Simulator) -> None:
    info = simulator.service_account_info()
    text = owner.post(f"{BASE}explain/", {"secret": json.dumps(info)}).text
    for shown in ("project_id", info["client_email"], info["private_key_id"], "RSA, 2048 bits"):
        assert shown in text
    assert "PRIVATE KEY" not in text
    assert owner.get(f"{BASE}explain/").status_code == 405


def test_verifying_what_is_stored(cast: Cast, owner: Client, simulator: Simulator) -> None:
    good = store(cast.acme.tenant, GOOD, base_url=simulator.url)
    answer = owner.post(f"{BASE}{good.pk}/verify/", follow=True)
    assert "Verified: conversations can be held." in answer.text
    bad = store(cast.acme.tenant, SECRET, name="bad", base_url=simulator.url)
    answer = owner.post(f"{BASE}{bad.pk}/verify/", follow=True)
    assert "It does not work: The API key is not valid." in answer.text
    assert [each.state for each in credentials()] == ["active", "failing"]
    assert audited()[-2:] == ["credential.verified", "credential.verified"]
    assert owner.get(f"{BASE}{bad.pk}/verify/").status_code == 405


def test_a_network_that_fails_says_nothing_about_the_key(cast: Cast, owner: Client) -> None:
    credential = store(cast.acme.tenant, GOOD, base_url="http://127.0.0.1:1")
    with platform_scope("test"):
        Credential.objects.filter(pk=credential.pk).update(state="active")
    answer = owner.post(f"{BASE}{credential.pk}/verify/", follow=True)
    assert "It does not work" in answer.text
    [after] = credentials()
    assert after.verification is not None
    assert (after.state, after.verification["ok"]) == ("active", False)


def test_changing_the_name_tries_nothing(cast: Cast, owner: Client) -> None:
    before = store(cast.acme.tenant)
    fields = {"name": "renamed", "endpoint": "developer", "position": "0"}
    fields["tenant"] = str(cast.globex.tenant.pk)
    answer = owner.post(f"{BASE}{before.pk}/change/", fields)
    assert answer.status_code == 302
    [after] = credentials()
    assert (after.name, after.tenant_id) == ("renamed", cast.acme.tenant.pk)
    assert bytes(after.sealed_secret) == bytes(before.sealed_secret)
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="credential.changed")
    assert (entry.before, entry.after) == ({"name": "main"}, {"name": "renamed"})


def test_one_credential_is_primary(cast: Cast, owner: Client) -> None:
    first, second = store(cast.acme.tenant), store(cast.acme.tenant, name="second")
    assert "exactly one" in act(owner, "credential", "make_primary", first, second).text
    asked = act(owner, "credential", "make_primary", first, yes=False)
    assert "New conversations use it" in asked.text
    assert "Nobody has shown yet that it works" in asked.text
    assert not any(each.is_primary for each in credentials())
    act(owner, "credential", "make_primary", first)
    act(owner, "credential", "make_primary", second)
    assert [each.is_primary for each in credentials()] == [False, True]
    asked = act(owner, "credential", "revoke", second, yes=False)
    assert "without one no conversation can start" in asked.text
    act(owner, "credential", "revoke", second)
    assert [(each.state, each.is_primary) for each in credentials()] == [
        ("pending", False),
        ("revoked", False),
    ]
    assert audited()[-3:] == [
        "credential.made-primary",
        "credential.made-primary",
        "credential.revoked",
    ]
    assert "exactly one" in act(owner, "credential", "make_primary", second).text


def test_an_operator_chooses_tenant_and_address(
    cast: Cast, operator: Client, simulator: Simulator
) -> None:
    fields = {"name": "main", "secret": GOOD, "base_url": simulator.url}
    assert "This field is required" in add(operator, "credential", **fields).text
    answer = add(operator, "credential", tenant=str(cast.globex.tenant.pk), **fields)
    assert answer.status_code == 302
    [credential] = credentials()
    assert (credential.tenant, credential.base_url) == (cast.globex.tenant, simulator.url)


def test_a_vertex_location_that_is_none(owner: Client) -> None:
    fields = {"name": "main", "secret": SECRET, "endpoint": "vertex", "location": "no where"}
    assert "is no name" in add(owner, "credential", **fields).text
    assert credentials() == []
