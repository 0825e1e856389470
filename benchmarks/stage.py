"""The processes of the benchmark: started, put on their cores, ended by their ids.

PostgreSQL and Redis stand for the whole run; everything else is fresh for each round. Within
a round all roads stand side by side, so that they can take turns: what has no sessions
spends next to nothing. Both web processes share the worker.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from benchmarks.accounting import GONE, parent_of, tree
from benchmarks.report import DAPHNE, DIRECT, LOAD_SIDE, PROXY, UVICORN
from benchmarks.sessions import LiveTarget, ParleyTarget, Target
from tests.children import Child
from tests.services import Services, clean
from tests.services.redis import free_port

ROOT = Path(__file__).resolve().parents[1]
WEB_SERVERS = {DAPHNE: "daphne", UVICORN: "uvicorn"}
LISTENS = r"(?i)serv(?:es at|ing on) (\S+)"
# Finished turns with words: of those the page is told that they are stored.
COUNT_TURNS = "SELECT count(*) FROM conversations_turn WHERE text <> '' AND state = 'final'"


@dataclass(frozen=True)
class Cores:
    """Who runs where; on a machine with one core both are that one."""

    usable: frozenset[int]

    @staticmethod
    def of_this_machine() -> Cores:
        return Cores(frozenset(os.sched_getaffinity(0)))

    @property
    def load(self) -> int:
        return min(self.usable)

    @property
    def parley(self) -> int:
        """The next one."""
        return min(self.usable - {self.load}, default=self.load)


@dataclass(frozen=True)
class Road:
    """One way from the generator to the simulator, while its processes run.

    `groups` names the processes to be measured, `holding` those whose memory sessions need.
    """

    target: Target
    groups: Mapping[str, int]
    holding: Sequence[str]
    cores: Cores

    @property
    def groups_on(self) -> dict[int, list[str]]:
        """Which groups run on which core."""
        placed: dict[int, list[str]] = {}
        for name in self.groups:
            core = self.cores.load if name in LOAD_SIDE else self.cores.parley
            placed.setdefault(core, []).append(name)
        return placed


class Stage:
    def __init__(self, cores: Cores, capacity: int) -> None:
        self._cores = cores
        self._capacity = capacity
        self._simulator_key = f"sim-{secrets.token_urlsafe(24)}"
        self._simulator_port = free_port()
        self._environment: dict[str, str] = {}
        self._seeded: dict[str, str] = {}
        self._services: dict[str, int] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """PostgreSQL, Redis, the tables and the tenant. Raises ServiceError."""
        clean(os.environ)
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        services = Services()
        try:
            services.start_postgres()
            self._environment = {
                **os.environ,
                **services.environment,
                "WORKER_CAPACITY": str(self._capacity),
                "PYTHONUNBUFFERED": "1",
            }
            self._seeded = self._seed()
            self._services = self._service_pids()
            for pid in self._services.values():
                pin(pid, {self._cores.parley})
            yield
        finally:
            services.stop()

    @contextmanager
    def roads(self, names: Sequence[str]) -> Iterator[dict[str, Road]]:
        """Start what these roads need; pin it, and the generator, once it is up.

        Raises ChildError.
        """
        children: list[Child] = []
        try:
            roads = self._start(names, children)
            pin_threads(os.getpid(), {self._cores.load})
            for child in children:
                pin(child.pid, {self._cores.parley})
            pin(roads[names[0]].groups["simulator"], {self._cores.load})
            yield roads
        finally:
            pin_threads(os.getpid(), self._cores.usable)
            stop(children)

    def stored_turns(self) -> int:
        with psycopg.connect(self._environment["DATABASE_URL"]) as connection:
            connection.execute("SET LOCAL parley.scope = 'platform'")  # row security holds us
            row = connection.execute(COUNT_TURNS).fetchone()
        return int(row[0]) if row else 0

    # --- the roads ----------------------------------------------------------------------

    def _start(self, names: Sequence[str], children: list[Child]) -> dict[str, Road]:
        fronts = {name: self._spawn(children, *self._front(name)) for name in {DIRECT, *names}}
        groups = {"generator": os.getpid(), "simulator": fronts[DIRECT].pid}
        if WEB_SERVERS.keys() & fronts.keys():
            worker = self._spawn(children, "manage.py", "worker")
            groups["worker"] = worker.pid
            worker.wait_for(LISTENS)
        return {name: self._road(name, fronts[name], groups) for name in names}

    def _front(self, name: str) -> list[str]:
        """Return the command whose sockets the generator opens."""
        if name == DIRECT:
            options = ["--port", str(self._simulator_port), "--api-key", self._simulator_key]
            return ["manage.py", "simulator", "--scenario", "echo", *options]
        if name == PROXY:
            return ["benchmarks/proxy.py", f"ws://127.0.0.1:{self._simulator_port}"]
        options = ["--port", "0", "--drain-timeout", "1"]
        return ["manage.py", "web", "--server", WEB_SERVERS[name], *options]

    def _road(self, name: str, front: Child, groups: Mapping[str, int]) -> Road:
        url = front.wait_for(LISTENS).group(1)
        load = {side: groups[side] for side in LOAD_SIDE}
        if name == DIRECT:
            return Road(LiveTarget(url, self._simulator_key), load, (), self._cores)
        if name == PROXY:
            target = LiveTarget(url, self._simulator_key)
            return Road(target, {**load, "proxy": front.pid}, ["proxy"], self._cores)
        return Road(
            ParleyTarget(url, self._seeded["agent"], self._seeded["key"]),
            {**groups, "web": front.pid, **self._services},
            ["web", "worker"],
            self._cores,
        )

    # --- processes ----------------------------------------------------------------------

    def _spawn(self, children: list[Child], *command: str) -> Child:
        child = Child([sys.executable, *command], self._environment)
        children.append(child)
        return child

    def _seed(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self._simulator_port}"
        seeding = subprocess.run(
            [sys.executable, "benchmarks/seed.py", url, self._simulator_key],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        seeded: dict[str, str] = json.loads(seeding.stdout)
        return seeded

    def _service_pids(self) -> dict[str, int]:
        with psycopg.connect(self._environment["DATABASE_URL"]) as connection:
            postgres = parent_of(connection.info.backend_pid)
        with redis.Redis.from_url(self._environment["REDIS_URL"]) as client:
            about = client.info("server")
        return {"redis": int(about["process_id"]), "postgres": postgres}


def pin(root: int, cores: Set[int]) -> None:
    """Put a process and its descendants on `cores`; what they start later inherits it."""
    for pid in tree(root):
        pin_threads(pid, cores)


def pin_threads(pid: int, cores: Set[int]) -> None:
    """Put all threads of one process on `cores`."""
    with suppress(*GONE):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def stop(children: Sequence[Child]) -> None:
    """End them all, by their ids; an impatient second Ctrl-C leaves none behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ExitStack() as closing:
            for child in children:
                closing.callback(child.close)
                if child.returncode is None:
                    child.terminate()
    finally:
        signal.signal(signal.SIGINT, before)
