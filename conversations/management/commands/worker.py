"""`manage.py worker`: hosts conversations for every web process that can reach it."""

import asyncio
import signal
from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations.bus import Bus
from conversations.hosting import BadAddress, spare_the_collector, worker_options
from conversations.worker import DRAIN_S, Worker


class CannotListen(Exception):
    """The address is taken, or is not this machine's."""


class Command(BaseCommand):
    help = "Host conversations: talk to Gemini Live for them and store what is said."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--drain-timeout",
            type=float,
            default=DRAIN_S,
            help="seconds in which running conversations are handed on after SIGTERM "
            f"(default {DRAIN_S:g})",
        )

    def get_check_kwargs(self, options: dict[str, Any]) -> dict[Any, Any]:
        return {**super().get_check_kwargs(options), "databases": ["default"]}

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            uvloop.run(self.serve(options["drain_timeout"]))
        except BadAddress as error:
            raise CommandError(str(error)) from None
        except CannotListen as error:
            raise CommandError(
                f"WORKER_LISTEN is {settings.WORKER_LISTEN}, where this machine cannot listen: "
                f"{error}. Give an address of this machine and a free port."
            ) from None

    async def serve(self, drain_s: float = DRAIN_S) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        bus = Bus()
        await bus.start()
        worker = Worker(bus, replace(worker_options(), drain_s=drain_s))
        try:
            await worker.start()
        except OSError as error:
            await bus.aclose()
            raise CannotListen(error.strerror or type(error).__name__) from None
        spare_the_collector()
        self.stdout.write(f"worker {worker.name} serves at {worker.address}")
        self.stdout.flush()
        await stop.wait()
        self.stdout.write("worker drains")
        await worker.aclose()
        await bus.aclose()
