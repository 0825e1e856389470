"""`manage.py simulator`: a stand-in for Google's Live API, on a port of its own."""

import asyncio
import contextlib
import json
import signal
import ssl
import sys
from argparse import ArgumentParser
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from live.simulator import SCENARIOS, Script, Simulator
from live.simulator.faults import find_script_or_file
from live.simulator.quota import DOCUMENTED
from live.simulator.sessions import MAX_OPEN_SESSIONS


class Command(BaseCommand):
    help = "Serve a simulated Gemini Live API and OAuth token endpoint until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8010, help="0 picks a free port")
        parser.add_argument("--tls-port", type=int, help="serve TLS as well, on this port")
        parser.add_argument("--tls-cert", type=Path, help="PEM file: certificate chain")
        parser.add_argument("--tls-key", type=Path, help="PEM file: private key")
        parser.add_argument(
            "--scenario",
            default="conversation",
            metavar="NAME|FILE",
            help=f"a JSON file of faults, or one of {', '.join(SCENARIOS)}",
        )
        parser.add_argument("--seed", type=int, default=0, help="chooses among equal wordings")
        parser.add_argument(
            "--max-sessions",
            type=int,
            default=MAX_OPEN_SESSIONS,
            metavar="NUMBER",
            help="sessions at once; above it they are refused as by a used-up quota",
        )
        parser.add_argument(
            "--vertex-connections",
            type=int,
            default=0,
            metavar="NUMBER",
            help="new connections a minute in each project and region of Vertex AI, where Google "
            f"documents {DOCUMENTED}; 0 takes any number",
        )
        parser.add_argument("--api-key", action="append", help="a key to accept; may be repeated")
        parser.add_argument(
            "--key-file",
            type=Path,
            metavar="FILE",
            help="a service account's JSON key file to accept; it is made if it is not there",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        simulator = Simulator(
            options["host"],
            options["port"],
            tls_port=options["tls_port"],
            ssl_context=_tls_context(options),
            seed=options["seed"],
            scenario=_script(options["scenario"]),
            api_keys=options["api_key"],
            max_sessions=options["max_sessions"],
            vertex_connections=options["vertex_connections"],
        )
        try:
            _run(self._serve(simulator, options["key_file"], given_key=bool(options["api_key"])))
        except OSError as error:
            raise CommandError(f"Cannot listen: {error.strerror or error}") from error

    async def _serve(self, simulator: Simulator, key_file: Path | None, *, given_key: bool) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        async with simulator:
            if key_file is not None:
                _accept(simulator, key_file)
            urls = [simulator.url]
            with contextlib.suppress(IndexError):
                urls.append(simulator.tls_url)
            # A key that was made here is no secret: it opens this simulator only.
            key = "" if given_key else f" with API key {simulator.api_key}"
            self.stdout.write(f"simulator serves at {' and '.join(urls)}{key}")
            self.stdout.flush()
            await stopped.wait()


def _accept(simulator: Simulator, key_file: Path) -> None:
    """Let the service account of a key file in; make the file if it is not there."""
    if not key_file.exists():
        info = simulator.service_account_info()
        key_file.touch(mode=0o600)
        key_file.write_text(json.dumps(info, indent=2) + "\n")
        return
    try:
        simulator.accounts.trust(json.loads(key_file.read_text()))
    except (KeyError, TypeError, ValueError):
        raise CommandError(f"{key_file} is no service account's key file.") from None


def _script(name: str) -> Script:
    try:
        return find_script_or_file(name)
    except ValueError as error:
        raise CommandError(f"--scenario {name}: {error}") from error


def _tls_context(options: dict[str, Any]) -> ssl.SSLContext | None:
    """Return the context for the TLS port. Raises CommandError when options are missing."""
    tls = [options["tls_port"], options["tls_cert"], options["tls_key"]]
    if tls == [None, None, None]:
        return None
    if None in tls:
        raise CommandError("--tls-port, --tls-cert and --tls-key go together: give all or none.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options["tls_cert"], options["tls_key"])
    except OSError as error:
        raise CommandError("Cannot read the certificate or its key.") from error
    return context


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one: it halves the cost of a message."""
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop

    uvloop.run(main)
