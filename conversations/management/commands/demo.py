"""`make demo`: one supervisor with its children: simulator, web (with the worker), tasks, beat."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.keyset import create_keyset
from conversations.demo.certificate import ensure_certificate
from conversations.demo.supervisor import Child, ChildFailed

WATCH_S = 0.5


class Stop(Exception):
    """Ctrl-C or SIGTERM."""


class Command(BaseCommand):
    help = "Set up and serve a complete Parley on this machine, with simulated answers."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo needs DEMO=1; `make demo` sets it.")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        children: list[Child] = []
        try:
            self.serve(children)
        except Stop:
            self.stdout.write("\nStopping.")
        except ChildFailed as failure:
            raise CommandError(str(failure)) from None
        finally:
            for child in reversed(children):
                child.stop()

    def serve(self, children: list[Child]) -> None:
        port, tls_port = chosen_port("PORT", 8000), chosen_port("TLS_PORT", 8443)
        prepare_folder(fresh=os.environ.get("FRESH") == "1")
        for wanted, name in ((port, "PORT"), (tls_port, "TLS_PORT")):
            refuse_busy(wanted, name)
        # The links that the children make lead to this port.
        os.environ.setdefault("PUBLIC_URL", f"http://localhost:{port}")
        ca, certificate, key = ensure_certificate(settings.DEMO_DIR)
        tls = ["--tls-cert", str(certificate), "--tls-key", str(key)]
        self.stdout.write("Setting up the database…")
        call_command("migrate", verbosity=0)
        simulator = Simulated(*simulator_ports(), simulator_key())
        children.append(manage("simulator", *simulator.options, *tls, ready="serves at"))
        self.seed(simulator, port, tls_port, ca)
        ports = ["--port", str(port), "--tls-port", str(tls_port)]
        children.append(manage("web", *ports, *tls, ready="Serving on"))
        schedule = str(settings.DEMO_DIR / "beat-schedule")
        children.append(celery("tasks", "worker", "--pool", "solo", ready=" ready."))
        children.append(celery("beat", "beat", "--schedule", schedule, ready="beat: Starting"))
        for child in children:
            child.wait_ready()
        self.welcome()
        while True:
            for child in children:
                child.check()
            time.sleep(WATCH_S)

    def seed(self, simulator: Simulated, port: int, tls_port: int, ca: Path) -> None:
        self.stdout.write("Filling in two tenants, their people and past conversations…")
        call_command(
            "seed_demo",
            base_url=f"http://localhost:{port}",
            tls_url=f"https://127.0.0.1:{tls_port}",
            ca_file=str(ca),
            simulator_url=f"http://127.0.0.1:{simulator.port}",
            simulator_tls_url=f"https://127.0.0.1:{simulator.tls_port}",
            simulator_key=simulator.key,
            simulator_key_file=str(key_file()),
            stdout=self.stdout,
        )

    def welcome(self) -> None:
        access = json.loads((settings.DEMO_DIR / "access.json").read_text())
        rows = [("operator", access["operator"]["email"], access["operator"]["password"])]
        rows += [
            (f"{tenant['slug']} {user['role']}", user["email"], user["password"])
            for tenant in access["tenants"]
            for user in tenant["users"]
        ]
        self.stdout.write(f"\nParley is ready: {access['base_url']}\n")
        self.stdout.write(f"{'who':<20}{'e-mail':<32}password")
        for who, email, password in rows:
            self.stdout.write(f"{who:<20}{email:<32}{password}")
        self.stdout.write(
            "\nAPI keys, the TLS address and all of the above: .demo/access.json"
            "\nA service account's key file, to add a credential with: .demo/service-account.json"
            f"\nTLS for the official SDKs: {access['tls_url']} (browsers warn: the certificate "
            "is the demo's own)\nCtrl-C ends everything.\n"
        )
        self.stdout.flush()


class Simulated:
    """Where the demo's stand-in for Google listens, and the key it accepts."""

    def __init__(self, port: int, tls_port: int, key: str) -> None:
        self.port, self.tls_port, self.key = port, tls_port, key

    @property
    def options(self) -> list[str]:
        ports = ["--port", str(self.port), "--tls-port", str(self.tls_port)]
        return [*ports, "--api-key", self.key, "--key-file", str(key_file())]


def stop(number: int, frame: object) -> None:
    raise Stop


def manage(command: str, *options: str, ready: str) -> Child:
    return start(command, [str(settings.ROOT / "manage.py"), command, *options], ready)


def celery(name: str, command: str, *options: str, ready: str) -> Child:
    line = ["-m", "celery", "-A", "config", command, *options, "--loglevel", "INFO"]
    return start(name, line, ready)


def start(name: str, command: list[str], ready: str) -> Child:
    logs = settings.DEMO_DIR / "logs"
    logs.mkdir(exist_ok=True)
    paths = [str(settings.ROOT), str(settings.ROOT / "platform")]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["PYTHONUNBUFFERED"] = "1"
    return Child(name, [sys.executable, *command], ready=ready, logs=logs)


def prepare_folder(*, fresh: bool) -> None:
    if fresh:
        shutil.rmtree(settings.DEMO_DIR, ignore_errors=True)
    for folder in (settings.DEMO_DIR, settings.DEMO_DIR / "broker"):
        folder.mkdir(parents=True, exist_ok=True)
    keyset = Path(settings.KEYSET_FILE)
    if not keyset.exists():
        create_keyset(keyset)


def key_file() -> Path:
    """A key file as Google gives them, which the simulator accepts and makes."""
    folder: Path = settings.DEMO_DIR
    return folder / "service-account.json"


def simulator_ports() -> tuple[int, int]:
    """The simulator's ports are those of the last run, if they are still free: they stand in
    the key file, and in credentials that people have made."""
    file: Path = settings.DEMO_DIR / "simulator-ports"
    ports = [int(word) for word in file.read_text().split()] if file.exists() else []
    if len(ports) == 2 and not any(is_taken(port) for port in ports):
        return ports[0], ports[1]
    key_file().unlink(missing_ok=True)
    chosen = free_port(), free_port()
    file.write_text("{} {}".format(*chosen))
    return chosen


def simulator_key() -> str:
    """One key for the simulator over all runs: the stored credentials hold it."""
    file: Path = settings.DEMO_DIR / "simulator-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"sim-{secrets.token_urlsafe(24)}")
    return file.read_text()


def chosen_port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CommandError(f"{variable} is {text}; give a port from 1 to 65535.")
    return int(text)


def refuse_busy(port: int, variable: str) -> None:
    if is_taken(port):
        raise CommandError(
            f"Port {port} is taken. Choose another one: make demo {variable}={port + 1}"
        )


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
