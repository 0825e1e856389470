"""`manage.py diagnose` against a real simulator; as a process where its output and end matter."""

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.credentials import set_secret
from accounts.models import Credential, Tenant
from accounts.tenancy import tenant_scope
from live.simulator import Simulator
from tests.cast import Cast
from tests.children import child_environment
from tests.services import ROOT

COMMAND = [sys.executable, "manage.py", "diagnose"]
GOOD_KEY = "sim-key-canary-of-these-tests"
WRONG_KEY = "AIza-canary-0123456789"
UNREACHABLE = "http://127.0.0.1:1"
VARIABLES = (
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GEMINI_OAUTH_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_LOCATION",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's credentials."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator in a thread of its own: the test's has the database, and no event loop."""
    loop, simulator = asyncio.new_event_loop(), Simulator(api_keys=[GOOD_KEY])
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result(10)
    yield simulator
    asyncio.run_coroutine_threadsafe(simulator.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A good one in the environment; returns what sets another."""
    monkeypatch.setenv("GEMINI_API_KEY", GOOD_KEY)
    return monkeypatch


def store(tenant: Tenant, secret: str, **fields: Any) -> Credential:
    kind = {"name": "main", "kind": "api_key", "endpoint": "developer", "is_primary": True}
    credential = Credential(tenant=tenant, **{**kind, **fields})
    set_secret(credential, secret)
    with tenant_scope(tenant.pk):
        credential.save()
    return credential


def status_of(*arguments: str) -> int:
    """The exit status of a run in this process."""
    try:
        call_command("diagnose", *arguments)
    except SystemExit as end:
        return int(str(end.code))
    return 0


def report_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The report of such a run: the findings by their step, and `ok`."""
    status = status_of("--json", *arguments)
    report = json.loads(capsys.readouterr().out)
    assert status == (0 if report["ok"] else 1)
    return {"ok": report["ok"]} | {each["step"]: each for each in report["findings"]}


# -- The credential of the environment -----------------------------------------------------------


@pytest.mark.usefixtures("key")
def test_a_key_that_works(simulator: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--base-url", simulator.url) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert [line.split()[:2] for line in lines[:5]] == [
        ["credential", "ok"],
        ["token", "skipped"],
        ["handshake", "ok"],
        ["setup", "ok"],
        ["close", "ok"],
    ]
    assert lines[0].endswith(f"The API key in GEMINI_API_KEY, for {simulator.url}.")
    assert lines[3].endswith("models/gemini-3.8-live.")
    assert lines[5:] == ["", "All is well: conversations can be held with this credential."]
    assert GOOD_KEY not in shown


def test_a_key_that_does_not(
    key: pytest.MonkeyPatch, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    key.setenv("GEMINI_API_KEY", WRONG_KEY)
    assert status_of("--base-url", simulator.url) == 1
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[3].split()[:2] == ["setup", "failed"]
    assert lines[3].endswith("The API key is not valid.")
    assert lines[4].strip() == (
        'Close code 1007: "API key not valid. Please pass a valid API key."'
    )
    assert lines[5].split() == ["close", "skipped", "Not", "tried."]
    assert lines[-1].startswith("What to do: Create a key in Google AI Studio")
    assert "canary" not in shown


def test_as_json(
    key: pytest.MonkeyPatch, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    good = report_of(capsys, "--base-url", simulator.url)
    key.setenv("GEMINI_API_KEY", WRONG_KEY)
    bad = report_of(capsys, "--base-url", simulator.url)
    assert (good["ok"], bad["ok"]) == (True, False)
    assert list(bad) == ["ok", "credential", "token", "handshake", "setup", "close"]
    assert good["setup"]["outcome"] == "ok"
    assert bad["setup"]["outcome"] == "failed"
    assert bad["setup"]["status"] == 1007
    assert bad["setup"]["diagnosis"]["code"] == "api_key_invalid"
    assert "canary" not in str((good, bad))


@pytest.mark.usefixtures("key")
def test_a_model_that_is_none(simulator: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(capsys, "--base-url", simulator.url, "--model", "no-such-model")
    assert report["setup"]["diagnosis"]["code"] == "model_not_found"


def test_in_a_terminal_it_fits(simulator: Simulator) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "--base-url", simulator.url, "--model", "no-such-model"],
        env=child_environment({"GEMINI_API_KEY": GOOD_KEY, "COLUMNS": "80", "DEMO": "1"}),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        timeout=50,
        check=False,
    )
    os.close(theirs)
    painted = all_of(ours)
    os.close(ours)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", painted)
    assert done.returncode == 1
    assert shown != painted
    assert max(len(line) for line in shown.splitlines()) < 80
    assert "models/no-such-model" in shown
    assert "…" in shown  # the service itself cut what it said


def all_of(terminal: int) -> str:
    """What stands on a terminal that nobody writes to any more."""
    read = bytearray()
    with contextlib.suppress(OSError):  # EIO, after the last byte
        while piece := os.read(terminal, 4096):
            read += piece
    return read.decode()


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(50)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        child = subprocess.Popen(
            [*COMMAND, "--base-url", url],
            cwd=ROOT,
            env=child_environment({"GEMINI_API_KEY": GOOD_KEY, "DEMO": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        connected, _ = silent.accept()
        with connected:
            connected.settimeout(50)
            assert connected.recv(1) == b"G"  # asyncio itself trips over a signal while it connects
            child.send_signal(signal.SIGINT)
            shown, _ = child.communicate(timeout=50)
    assert child.returncode == 130
    assert "token       skipped" in shown
    assert "Traceback" not in shown


def test_which_variable_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, secret, source in (
        ("GEMINI_API_KEY", "auth_tokens/canary", "The ephemeral token in GEMINI_API_KEY"),
        ("GOOGLE_API_KEY", WRONG_KEY, "The API key in GOOGLE_API_KEY"),
        ("GEMINI_OAUTH_TOKEN", "ya29.canary", "The access token in GEMINI_OAUTH_TOKEN"),
    ):
        monkeypatch.setenv(name, secret)
        report = report_of(capsys, "--base-url", UNREACHABLE)
        assert report["credential"]["detail"] == f"{source}, for {UNREACHABLE}."
        assert report["handshake"]["diagnosis"]["code"] == "unreachable"
        assert "canary" not in str(report)


def test_the_file_of_a_service_account(
    monkeypatch: pytest.MonkeyPatch,
    simulator: Simulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    info, file = simulator.service_account_info(), tmp_path / "key.json"
    file.write_text(json.dumps(info))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p1")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
    assert status_of("--vertex", "--base-url", simulator.url) == 0
    shown = capsys.readouterr().out
    account = f"The service account {info['client_email']} in GOOGLE_APPLICATION_CREDENTIALS"
    assert account in shown
    assert "A new access token holds for 60 minutes; scopes: cloud-platform." in shown
    assert "projects/p1/locations/us-central1/" in shown
    assert "PRIVATE KEY" not in shown
    assert "ya29" not in shown


def test_a_user_who_signed_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    user = {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "GOCSPX-canary",
        "refresh_token": "1//canary",
        "token_uri": f"{UNREACHABLE}/token",
    }
    (folder / "application_default_credentials.json").write_text(json.dumps(user))
    monkeypatch.delenv("CLOUDSDK_CONFIG", raising=False)
    report = report_of(capsys, "--base-url", UNREACHABLE)
    assert report["credential"]["detail"].startswith("The signed-in user of gcloud, ")
    assert report["token"]["diagnosis"]["code"] == "token_endpoint_unreachable"
    assert "canary" not in str(report)


def test_nothing_in_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(capsys)
    assert report["ok"] is False
    assert report["credential"]["diagnosis"]["code"] == "credentials_missing"
    assert status_of() == 1
    assert "What to do: Set GEMINI_API_KEY" in capsys.readouterr().out


def test_an_address_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", WRONG_KEY)
    report = report_of(capsys, "--base-url", "http://example.org")
    assert report["credential"]["diagnosis"]["code"] == "endpoint_unusable"


# -- A stored credential -------------------------------------------------------------------------


@pytest.mark.usefixtures("keyset_file")
def test_the_primary_one_or_one_by_its_name(
    cast: Cast, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    store(cast.acme.tenant, GOOD_KEY, base_url=simulator.url)
    store(cast.acme.tenant, WRONG_KEY, name="old", base_url=simulator.url, is_primary=False)
    primary = report_of(capsys, "--tenant", "acme")
    assert primary["ok"]
    assert primary["credential"]["detail"] == f"API key main of acme, for {simulator.url}."
    old = report_of(capsys, "--tenant", "acme", "--credential", "old")
    assert old["setup"]["diagnosis"]["code"] == "api_key_invalid"
    assert "canary" not in str((primary, old))


@pytest.mark.usefixtures("keyset_file")
def test_a_stored_service_account(
    cast: Cast, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    info = simulator.service_account_info()
    kind = {"kind": "service_account", "base_url": simulator.url}
    store(cast.acme.tenant, json.dumps(info), **kind)
    good = report_of(capsys, "--tenant", "acme")
    assert good["ok"]
    assert good["token"]["expires_in"] > 3000
    simulator.accounts.delete_key("-", info["client_email"], info["private_key_id"])
    bad = report_of(capsys, "--tenant", "acme")  # though the token it has would still do
    assert bad["token"]["diagnosis"]["code"] == "key_revoked"
    assert "PRIVATE" not in str((good, bad))
    assert "ya29" not in str((good, bad))


@pytest.mark.usefixtures("keyset_file")
def test_one_that_is_out_of_service(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    credential = store(cast.acme.tenant, GOOD_KEY, base_url=UNREACHABLE)
    with tenant_scope(cast.acme.tenant.pk):
        Credential.objects.filter(pk=credential.pk).update(state=Credential.State.REVOKED)
    report = report_of(capsys, "--tenant", "acme")
    assert report["credential"]["diagnosis"]["code"] == "credential-out-of-service"
    assert "revoked" in report["credential"]["detail"]
    assert "handshake" not in report


@pytest.mark.usefixtures("keyset_file")
def test_one_that_does_not_open(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    credential = store(cast.acme.tenant, GOOD_KEY, base_url=UNREACHABLE)
    with tenant_scope(cast.acme.tenant.pk):
        Credential.objects.filter(pk=credential.pk).update(sealed_secret=b"moved", version=9)
    report = report_of(capsys, "--tenant", "acme")
    assert report["credential"]["diagnosis"]["code"] == "credential-undecryptable"
    assert "keyset" in report["credential"]["diagnosis"]["fix"]


@pytest.mark.usefixtures("keyset_file")
def test_one_whose_address_cannot_be_used(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    store(cast.acme.tenant, GOOD_KEY, base_url="http://example.org")
    diagnosis = report_of(capsys, "--tenant", "acme")["credential"]["diagnosis"]
    assert diagnosis["code"] == "endpoint_unusable"
    assert diagnosis["fix"] not in diagnosis["summary"]


# -- What there is nothing to try with -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--credential", "main"], "wants --tenant"),
        (["--tenant", "acme", "--base-url", UNREACHABLE], "address of its own"),
        (["--tenant", "acme", "--vertex"], "address of its own"),
        (["--vertex"], "wants GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint) as caught:
        call_command("diagnose", *arguments)
    assert caught.value.returncode == 2


def test_an_organisation_that_is_none(cast: Cast) -> None:
    with pytest.raises(CommandError, match="no organisation nobody") as caught:
        call_command("diagnose", "--tenant", "nobody")
    assert caught.value.returncode == 2


@pytest.mark.usefixtures("keyset_file")
def test_the_credential_of_another_organisation_is_not_found(cast: Cast) -> None:
    store(cast.globex.tenant, GOOD_KEY, name="theirs", base_url=UNREACHABLE)
    with pytest.raises(CommandError) as caught:
        call_command("diagnose", "--tenant", "acme", "--credential", "theirs")
    assert str(caught.value) == "acme has no credential theirs. Add one first."
    with pytest.raises(CommandError, match="acme has no primary credential"):
        call_command("diagnose", "--tenant", "acme")


@pytest.mark.usefixtures("keyset_file")
def test_the_names_to_choose_from_are_told(cast: Cast) -> None:
    for name in ("one", "two", "two"):
        store(cast.acme.tenant, GOOD_KEY, name=name, base_url=UNREACHABLE, is_primary=False)
    with pytest.raises(CommandError, match=r"no primary credential.*: one, two, two"):
        call_command("diagnose", "--tenant", "acme")
    with pytest.raises(CommandError, match="several credentials two"):
        call_command("diagnose", "--tenant", "acme", "--credential", "two")
