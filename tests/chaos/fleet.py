"""A small deployment with every process real, and a wire between any two that talk.

Each web process and each worker has wires of its own to Redis, PostgreSQL and, the other way,
to whoever dials it; the simulator has one. Processes are ended by their ids, and replaced.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.chaos.cutting import Target, Wire, wire
from tests.chaos.upstream import Upstream, upstream
from tests.children import Child, Children, child_environment
from tests.services import postgres, redis
from tests.services.redis import free_port

READY_S: Final = 90.0
DRAIN_S: Final = 1


@dataclass
class Member:
    """One process and the wires it hangs on: `redis`, `postgres`, and `dialled` by others."""

    kind: str
    child: Child
    redis: Wire
    postgres: Wire
    dialled: Wire
    laid: AsyncExitStack = field(repr=False)
    frozen: bool = False

    @property
    def lives(self) -> bool:
        return self.child.returncode is None

    @property
    def wires(self) -> Sequence[Wire]:
        return self.redis, self.postgres, self.dialled

    def freeze(self) -> None:
        self.frozen = True
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self.frozen and self.lives:
            self.child.send_signal(signal.SIGCONT)
        self.frozen = False


class Fleet:
    """See `fleet`. `model` is the wire from the workers to the simulator."""

    def __init__(self, children: Children, simulator: Upstream, model: Wire) -> None:
        self.simulator = simulator
        self.model = model
        self.webs: list[Member] = []
        self.workers: list[Member] = []
        self.redis_port = free_port()
        self.stored_at = postgres_place()
        self._children = children
        self._redis = ExitStack()
        self._folder: Path | None = None
        self._turn = 0

    # --- where pages come in -----------------------------------------------------------------

    def door(self) -> str:
        """The address of a web process, the next one each time, as a load balancer gives it."""
        alive = [web for web in self.webs if web.lives and not web.frozen] or self.webs
        self._turn += 1
        return f"http://{alive[self._turn % len(alive)].dialled.place}"

    # --- processes ---------------------------------------------------------------------------

    async def hire(self, kind: str) -> Member:
        """Start a web process or a worker."""
        laid = AsyncExitStack()
        store = await laid.enter_async_context(wire(self.stored_at))
        bus = await laid.enter_async_context(wire(("127.0.0.1", self.redis_port)))
        port = free_port()
        dialled = await laid.enter_async_context(wire(("127.0.0.1", port)))
        environment = {
            "DATABASE_URL": database_url(store),
            "REDIS_URL": f"redis://{bus.place}/0",
            "WORKER_LISTEN": f"127.0.0.1:{port}",
            "WORKER_ADDRESS": dialled.place,
        }
        command = ["worker"] if kind == "worker" else ["web", "--port", str(port)]
        ready = "serves at" if kind == "worker" else "Serving on"
        child = await asyncio.to_thread(self._start, command, environment, ready)
        member = Member(kind, child, bus, store, dialled, laid)
        self.of(kind).append(member)
        return member

    def _start(self, command: list[str], environment: dict[str, str], ready: str) -> Child:
        inspected = [sys.executable, "-m", "tests.chaos.inspected", *command]
        child = self._children.adopt(Child(inspected, child_environment(environment)))
        child.wait_for(ready, READY_S)
        return child

    def of(self, kind: str) -> list[Member]:
        return self.workers if kind == "worker" else self.webs

    async def dismiss(self, member: Member, *, politely: bool = False) -> None:
        """End a process, with SIGKILL unless politely, and take its wires away."""
        self.of(member.kind).remove(member)
        if politely and member.lives:
            member.child.terminate()
            with suppress(Exception):
                await asyncio.to_thread(member.child.wait, READY_S)
        await asyncio.to_thread(member.child.kill)
        await member.laid.aclose()

    async def aclose(self) -> None:
        self.heal()
        for member in [*self.webs, *self.workers]:
            await self.dismiss(member)
        await asyncio.to_thread(self._redis.close)

    # --- services ----------------------------------------------------------------------------

    async def start_redis(self, folder: Path) -> None:
        self._folder = folder
        await asyncio.to_thread(
            self._redis.enter_context, redis.running(folder, port=self.redis_port)
        )

    async def restart_redis(self, pause_s: float) -> None:
        """Everything in it is lost."""
        await asyncio.to_thread(self._redis.close)
        await asyncio.sleep(pause_s)
        if self._folder is not None:
            await self.start_redis(self._folder)

    async def restart_postgres(self) -> None:
        if isinstance(self.stored_at, Path):
            await asyncio.to_thread(postgres.restart, self.stored_at.parent)

    # --- afterwards --------------------------------------------------------------------------

    def heal(self) -> None:
        """Nothing is cut, stalled, slow or frozen any more."""
        for member in [*self.webs, *self.workers]:
            member.thaw()
            for each in member.wires:
                each.heal()
        self.model.heal()


def postgres_place() -> Target:
    """Where the test's PostgreSQL is: its unix socket, or host and port of a given one."""
    parts = urlsplit(child_environment({})["DATABASE_URL"])
    if host := parse_qs(parts.query).get("host"):
        return Path(host[0]) / ".s.PGSQL.5432"
    return parts.hostname or "127.0.0.1", parts.port or 5432


def database_url(through: Wire) -> str:
    """The test database as the application's role, through a wire."""
    parts = urlsplit(child_environment({})["DATABASE_URL"])
    user = parts.netloc.rpartition("@")[0]
    return f"{parts.scheme}://{user}@{through.place}{parts.path}"


@asynccontextmanager
async def fleet(
    children: Children, folder: Path, *, webs: int = 2, workers: int = 2
) -> AsyncIterator[Fleet]:
    """Start everything; end everything. `folder` is for Redis."""
    async with upstream() as simulator, wire(simulator.place) as model:
        running = Fleet(children, simulator, model)
        try:
            await running.start_redis(folder)
            kinds = ["web"] * webs + ["worker"] * workers
            await asyncio.gather(*(running.hire(kind) for kind in kinds))
            yield running
        finally:
            await running.aclose()
