"""`manage.py web`: the one way the web process is started, in demo, bench and containers."""

from argparse import ArgumentParser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.server import Endpoint, Hooks, StartError, serve


class Command(BaseCommand):
    help = "Serve pages, API and sockets until SIGTERM; then drain."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="0 picks a free port")
        parser.add_argument("--tls-port", type=int, help="serve TLS as well, on this port")
        parser.add_argument("--tls-cert", type=Path, help="PEM file: certificate chain")
        parser.add_argument("--tls-key", type=Path, help="PEM file: private key")
        parser.add_argument(
            "--drain-timeout",
            type=float,
            default=20.0,
            help="seconds that pages get to move to another process after SIGTERM (default 20)",
        )
        parser.add_argument(
            "--drain-notice",
            type=float,
            default=0.0,
            help="seconds after SIGTERM in which connections are still taken while /readyz says no:"
            " as long as your load balancer needs to notice (default 0)",
        )

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[Any, Any]:
        return {**super().get_check_kwargs(options), "databases": ["default"]}

    def handle(self, *args: Any, **options: Any) -> None:
        endpoints = _endpoints(options)
        from config import asgi  # the whole application: after what can be refused at once

        hooks = Hooks(
            on_ready=asgi.start,
            on_drain=partial(asgi.drain, options["drain_timeout"]),
            announce=self._announce,
            drain_timeout=options["drain_timeout"],
            on_signal=asgi.leave,
            notice=options["drain_notice"],
            on_end=asgi.close,
        )
        try:
            serve(asgi.application, server=options["server"], endpoints=endpoints, hooks=hooks)
        except StartError as error:
            raise CommandError(str(error)) from error

    def _announce(self, urls: Sequence[str]) -> None:
        self.stdout.write(f"Serving on {' and '.join(dict.fromkeys(urls))}")
        self.stdout.flush()


def _endpoints(options: dict[str, Any]) -> list[Endpoint]:
    """Return what to listen on. Raises CommandError when the options do not fit together."""
    endpoints = [Endpoint(options["host"], options["port"])]
    tls = [options["tls_port"], options["tls_cert"], options["tls_key"]]
    if None not in tls:
        endpoints.append(Endpoint(options["host"], *tls))
    elif tls != [None, None, None]:
        raise CommandError("--tls-port, --tls-cert and --tls-key go together: give all or none.")
    return endpoints
