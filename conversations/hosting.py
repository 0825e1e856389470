"""Puts workers and switchboards together from the settings."""

import gc
import math
import re

from django.conf import settings

from conversations.attachment import Switchboard
from conversations.bus import Bus
from conversations.link import format_address
from conversations.link_security import link_secret, web_tls, worker_tls
from conversations.worker import Worker, WorkerOptions

HOST = re.compile(r"[\w.-]+", re.ASCII)
MAX_PORT = 65535


class BadAddress(Exception):
    """WORKER_LISTEN or WORKER_ADDRESS is not host:port."""


def worker_options() -> WorkerOptions:
    """How `manage.py worker` runs. Raises BadAddress."""
    return WorkerOptions(
        listen_at=place("WORKER_LISTEN"),
        reached_at=format_address(*place("WORKER_ADDRESS")) if settings.WORKER_ADDRESS else "",
        link_secret=link_secret(),
        capacity=settings.WORKER_CAPACITY,
        too_late_s=too_late_s(),
        tls=worker_tls(),
    )


def place(setting: str) -> tuple[str, int]:
    """Host and port of a setting. Raises BadAddress."""
    given: str = getattr(settings, setting)
    host, _, port = given.rpartition(":")
    if not HOST.fullmatch(host) or not port.isdigit() or int(port) > MAX_PORT:
        raise BadAddress(
            f"{setting} is {given!r}; give host:port, such as 10.0.0.5:7700. "
            "Web processes have to reach it there; port 0 takes a free one."
        )
    return host, int(port)


def too_late_s() -> float:
    """How late a worker's loop may wake before it takes on no more, in seconds."""
    return settings.WORKER_LAG_MS / 1000 or math.inf


def new_switchboard() -> Switchboard:
    return Switchboard(link_secret(), tls=web_tls())


def new_worker(bus: Bus) -> Worker | None:
    """The worker inside a web process; None where workers are processes of their own."""
    if not settings.WORKER_IN_PROCESS:
        return None
    options = WorkerOptions(
        listen_at=None,
        link_secret=link_secret(),
        capacity=settings.WORKER_CAPACITY,
        too_late_s=too_late_s(),
    )
    return Worker(bus, options)


def spare_the_collector() -> None:
    """Take the program's own objects out of the garbage collector's way, once all is loaded.

    A full collection stops every conversation while it walks through 100,000 of Django's
    objects, none of which ever goes: 35 to 100 ms. After this it has only those of sessions.
    """
    gc.collect()
    gc.freeze()
