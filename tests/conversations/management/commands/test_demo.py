"""What the demo checks before it starts; a whole start is an end-to-end test."""

from __future__ import annotations

import json
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from conversations.management.commands import demo
from conversations.management.commands.demo import (
    Simulated,
    free_port,
    key_file,
    prepare_folder,
    refuse_busy,
    simulator_key,
    simulator_ports,
)


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DEMO = True
    settings.DEMO_DIR = tmp_path / "demo"
    settings.KEYSET_FILE = str(tmp_path / "demo" / "keyset.json")
    return tmp_path / "demo"


@pytest.fixture
def signals() -> Iterator[None]:
    """The command takes the signals of its process, which is ours here."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_without_demo_1_it_refuses(settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match=r"needs DEMO=1; `make demo` sets it"):
        call_command("demo")


@pytest.mark.usefixtures("folder", "signals")
@pytest.mark.parametrize("variable", ["PORT", "TLS_PORT"])
def test_a_busy_port_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch, busy_port: int, variable: str
) -> None:
    other = "TLS_PORT" if variable == "PORT" else "PORT"
    monkeypatch.setenv(other, str(free_port()))
    monkeypatch.setenv(variable, str(busy_port))
    expected = rf"Port {busy_port} is taken\. .*: make demo {variable}={busy_port + 1}$"
    with pytest.raises(CommandError, match=expected):
        call_command("demo")


@pytest.mark.usefixtures("folder", "signals")
@pytest.mark.parametrize("port", ["http", "-1", "0", "65536"])
def test_what_is_no_port_is_told(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("TLS_PORT", port)
    with pytest.raises(CommandError, match=f"TLS_PORT is {port}; give a port"):
        call_command("demo")


def test_a_free_port_is_taken_as_it_is(folder: Path) -> None:
    refuse_busy(free_port(), "PORT")


def test_the_folder_is_prepared_once(folder: Path) -> None:
    prepare_folder(fresh=False)
    keyset = (folder / "keyset.json").read_bytes()
    (folder / "access.json").write_text("{}")
    prepare_folder(fresh=False)
    assert (folder / "keyset.json").read_bytes() == keyset
    assert (folder / "access.json").exists()
    assert (folder / "broker").is_dir()


def test_fresh_begins_anew(folder: Path) -> None:
    prepare_folder(fresh=False)
    keyset = (folder / "keyset.json").read_bytes()
    (folder / "access.json").write_text("{}")
    prepare_folder(fresh=True)
    assert (folder / "keyset.json").read_bytes() != keyset
    assert not (folder / "access.json").exists()


def test_the_simulators_key_outlives_a_run_and_is_private(folder: Path) -> None:
    prepare_folder(fresh=False)
    key = simulator_key()
    assert len(key) >= 24
    assert simulator_key() == key
    assert stat.S_IMODE((folder / "simulator-key").stat().st_mode) == 0o600


def test_the_simulator_gets_its_ports_and_keys(folder: Path) -> None:
    options = Simulated(1, 2, "k").options
    assert options[:6] == ["--port", "1", "--tls-port", "2", "--api-key", "k"]
    assert options[6:] == ["--key-file", str(folder / "service-account.json")]


def test_the_simulators_ports_outlive_a_run_unless_somebody_has_them(folder: Path) -> None:
    prepare_folder(fresh=False)
    ports = simulator_ports()
    key_file().write_text("names the port")
    assert simulator_ports() == ports
    assert key_file().exists()
    with socket.create_server(("127.0.0.1", ports[0])):
        assert simulator_ports() != ports
    assert not key_file().exists()


def test_the_welcome_names_everybody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_folder(fresh=False)
    person = {"email": "member@acme.example", "password": "pw-2", "role": "member"}
    access = {
        "base_url": "http://localhost:1",
        "tls_url": "https://127.0.0.1:2",
        "operator": {"email": "operator@example.com", "password": "pw-1"},
        "tenants": [{"slug": "acme", "users": [person]}],
    }
    (folder / "access.json").write_text(json.dumps(access))
    demo.Command().welcome()
    text = capsys.readouterr().out
    assert "Parley is ready: http://localhost:1" in text
    for word in ("operator@example.com", "pw-1", "acme member", "member@acme.example", "pw-2"):
        assert word in text


def test_a_signal_stops_it() -> None:
    with pytest.raises(demo.Stop):
        demo.stop(signal.SIGTERM, None)
