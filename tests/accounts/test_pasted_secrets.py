import json
from typing import Any

import pytest

from accounts.models import Credential
from accounts.pasted_secrets import Reading, read_pasted
from live.simulator.iam import ServiceAccounts

KEY_FILE = ServiceAccounts(lambda: 0.0).create("parley", "https://oauth2.googleapis.com/token")


def read(text: str | dict[str, Any], *, project: str = "", allowed: bool = True) -> Reading:
    text = text if isinstance(text, str) else json.dumps(text)
    return read_pasted(text, project=project, may_ask=lambda _: allowed)


def test_a_key_file() -> None:
    reading = read(KEY_FILE)
    assert reading.is_usable
    assert (reading.kind, reading.project) == ("service_account", KEY_FILE["project_id"])
    shown = {line.name: line.value for line in reading.lines}
    assert shown["client_email"] == KEY_FILE["client_email"]
    assert shown["private_key"].startswith("RSA, ")
    assert KEY_FILE["private_key"][40:80] not in str(reading)


def test_an_api_key() -> None:
    reading = read(" AIza-canary-0123456789-wxyz\n")
    assert (reading.kind, reading.faults) == (Credential.Kind.API_KEY, [])
    assert "canary" not in str(reading)
    assert [line.mark for line in reading.lines] == ["ok", "ok"]
    assert read("sim-key-0123456789").lines[1].mark == "note"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Nothing was entered."),
        ("x" * 70_000, "too long"),
        ("-----BEGIN PRIVATE KEY-----", "only the private key"),
        ("canary", "This is no API key"),
        ("canary canary canary", "This is no JSON"),
        ('{"private_key": "canary\n', "breaks off in line 1"),
        ("[" * 40_000, "nested too deeply"),
        ("[1]", "no key file"),
        ("{}", "the field type is missing"),
        ('{"web": {"client_secret": "canary"}}', "OAuth client's file"),
        ('{"type": "external_account"}', "identity provider"),
        ('{"type": "impersonated_service_account"}', "acts as an account"),
        ('{"type": "canary"}', "its type is another one"),
        ('{"type": ["canary"]}', "its type is another one"),
    ],
)
def test_what_is_no_credential(text: str, told: str) -> None:
    reading = read(text)
    assert (reading.kind, reading.is_usable) == (None, False)
    assert told in reading.faults[0]
    assert "canary" not in str(reading)


@pytest.mark.parametrize("name", ["project_id", "client_email", "private_key_id", "private_key"])
def test_a_missing_field(name: str) -> None:
    for value in ({}, {name: ""}, {name: 3}):
        broken = {key: each for key, each in KEY_FILE.items() if key != name} | value
        assert f"The field {name} is missing." in read(broken).faults[0]


def test_a_person_s_own_sign_in() -> None:
    info = {
        "type": "authorized_user",
        "client_id": "an-id.apps.googleusercontent.com",
        "client_secret": "canary-1",
        "refresh_token": "canary-2",
        "quota_project_id": "shop",
    }
    reading = read(json.dumps(info))
    assert (reading.kind, reading.faults) == (Credential.Kind.AUTHORIZED_USER, [])
    assert reading.project == "shop"
    assert "canary" not in str(reading)
    for name in ("client_id", "client_secret", "refresh_token"):
        [fault] = read(json.dumps({**info, name: ""})).faults
        assert fault.startswith(f"The field {name} is missing. Run `gcloud auth")


def test_all_faults_are_told_at_once() -> None:
    faults = read({"type": "service_account"}).faults
    assert len(faults) == 5
    assert all("Download the JSON key again" in fault for fault in faults)


def test_a_broken_private_key() -> None:
    [fault] = read({**KEY_FILE, "private_key": "canary"}).faults
    assert "no valid PEM key" in fault
    assert "canary" not in fault


def test_an_address_that_is_not_asked() -> None:
    [fault] = read(KEY_FILE, allowed=False).faults
    assert "names a place we do not ask" in fault


def test_another_project_is_a_note() -> None:
    reading = read(KEY_FILE, project="elsewhere")
    assert reading.is_usable
    assert reading.lines[-1].mark == "note"
    assert "elsewhere was entered" in reading.lines[-1].value
