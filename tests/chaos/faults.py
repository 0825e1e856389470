"""The faults by name. Each strikes a running scene for so many seconds and heals it.

`docs/reference/faults.md` tells what a user sees of each; a test holds the two lists together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import psycopg

from live.simulator.faults import find_script
from live.simulator.scenario import Close, Drop, GoAway, Script, Silence, SlowPong, Stall, Step
from tests.chaos.cutting import Wire
from tests.chaos.fleet import Fleet, Member
from tests.chaos.pages import Caller
from tests.chaos.upstream import Order


class Scene(Protocol):
    """What a fault strikes. `owner_url` is the database as its owner."""

    fleet: Fleet
    callers: Sequence[Caller]
    dice: random.Random
    owner_url: str


Strike = Callable[[Scene, float], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """`brief`: how long it lasts in a random schedule, in seconds; `stated`: in a run of its
    own."""

    name: str
    strike: Strike
    brief: tuple[float, float]
    stated: float


FAULTS: Final[dict[str, Fault]] = {}


def fault(name: str, *, brief: tuple[float, float], stated: float) -> Callable[[Strike], Strike]:
    def register(strike: Strike) -> Strike:
        FAULTS[name] = Fault(name, strike, brief, stated)
        return strike

    return register


# --- processes -------------------------------------------------------------------------------


@fault("worker-killed", brief=(1, 3), stated=5)
async def worker_killed(scene: Scene, seconds: float) -> None:
    await replaced(scene, scene.dice.choice(scene.fleet.workers), seconds, politely=False)


@fault("web-killed", brief=(1, 3), stated=5)
async def web_killed(scene: Scene, seconds: float) -> None:
    await replaced(scene, scene.dice.choice(scene.fleet.webs), seconds, politely=False)


@fault("worker-replaced", brief=(1, 3), stated=5)
async def worker_replaced(scene: Scene, seconds: float) -> None:
    await replaced(scene, scene.dice.choice(scene.fleet.workers), seconds, politely=True)


@fault("web-replaced", brief=(1, 3), stated=5)
async def web_replaced(scene: Scene, seconds: float) -> None:
    await replaced(scene, scene.dice.choice(scene.fleet.webs), seconds, politely=True)


async def replaced(scene: Scene, member: Member, seconds: float, *, politely: bool) -> None:
    """Politely, the new one stands before the old one goes, as in a rolling restart."""
    if politely:
        await scene.fleet.hire(member.kind)
    await scene.fleet.dismiss(member, politely=politely)
    await asyncio.sleep(seconds)
    if not politely:
        await scene.fleet.hire(member.kind)


@fault("worker-frozen", brief=(4, 10), stated=10)
async def worker_frozen(scene: Scene, seconds: float) -> None:
    """It wakes up and believes that nothing has happened."""
    worker = scene.dice.choice(scene.fleet.workers)
    worker.freeze()
    await asyncio.sleep(seconds)
    worker.thaw()


# --- the network between processes -------------------------------------------------------------


@fault("worker-cut-from-redis", brief=(2, 8), stated=30)
async def worker_cut_from_redis(scene: Scene, seconds: float) -> None:
    await cut(scene, [scene.dice.choice(scene.fleet.workers).redis], seconds)


@fault("web-cut-from-redis", brief=(2, 8), stated=30)
async def web_cut_from_redis(scene: Scene, seconds: float) -> None:
    await cut(scene, [scene.dice.choice(scene.fleet.webs).redis], seconds)


@fault("worker-cut-from-postgres", brief=(2, 8), stated=30)
async def worker_cut_from_postgres(scene: Scene, seconds: float) -> None:
    await cut(scene, [scene.dice.choice(scene.fleet.workers).postgres], seconds)


@fault("web-cut-from-postgres", brief=(2, 8), stated=30)
async def web_cut_from_postgres(scene: Scene, seconds: float) -> None:
    await cut(scene, [scene.dice.choice(scene.fleet.webs).postgres], seconds)


@fault("web-cut-from-worker", brief=(2, 8), stated=30)
async def web_cut_from_worker(scene: Scene, seconds: float) -> None:
    await cut(scene, [scene.dice.choice(scene.fleet.workers).dialled], seconds)


@fault("slow-network", brief=(3, 8), stated=30)
async def slow_network(scene: Scene, seconds: float) -> None:
    wires = [w for m in (*scene.fleet.webs, *scene.fleet.workers) for w in m.wires]
    for each in wires:
        each.delay_s = 0.1
    await asyncio.sleep(seconds)
    for each in wires:
        each.delay_s = 0.0


async def cut(scene: Scene, wires: Sequence[Wire], seconds: float) -> None:
    """Half of the cuts reset connections; the others only swallow what is sent."""
    silently = scene.dice.random() < 0.5
    for each in wires:
        if silently:
            each.stall()
        else:
            each.cut()
    await asyncio.sleep(seconds)
    for each in wires:
        each.heal()


# --- services ----------------------------------------------------------------------------------


@fault("redis-restarted", brief=(0.5, 3), stated=5)
async def redis_restarted(scene: Scene, seconds: float) -> None:
    await scene.fleet.restart_redis(seconds)


@fault("postgres-restarted", brief=(0, 0), stated=0)
async def postgres_restarted(scene: Scene, seconds: float) -> None:
    await scene.fleet.restart_postgres()
    await asyncio.sleep(seconds)


@fault("disk-full", brief=(2, 6), stated=30)
async def disk_full(scene: Scene, seconds: float) -> None:
    """The writer's INSERTs fail as on a full disk; all else goes on."""
    await execute(scene, FILL_DISK)
    try:
        await asyncio.sleep(seconds)
    finally:
        await execute(scene, FREE_DISK)


FILL_DISK: Final = """
CREATE OR REPLACE FUNCTION chaos_disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
END $$;
CREATE OR REPLACE TRIGGER chaos_disk_full BEFORE INSERT OR UPDATE ON conversations_turn
FOR EACH ROW EXECUTE FUNCTION chaos_disk_full();
"""
FREE_DISK: Final = "DROP TRIGGER IF EXISTS chaos_disk_full ON conversations_turn"


async def execute(scene: Scene, statement: str) -> None:
    def run() -> None:
        with psycopg.connect(scene.owner_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    await asyncio.to_thread(run)


# --- pages -------------------------------------------------------------------------------------


@fault("page-cut", brief=(1, 8), stated=30)
async def page_cut(scene: Scene, seconds: float) -> None:
    """A third of the pages lose their network."""
    for caller in some(scene):
        caller.cut_for(scene.dice.uniform(seconds / 2, seconds))
    await asyncio.sleep(seconds)


@fault("page-stalled", brief=(2, 6), stated=8)
async def page_stalled(scene: Scene, seconds: float) -> None:
    await asyncio.gather(*(caller.stall_for(seconds) for caller in some(scene)))


def some(scene: Scene) -> list[Caller]:
    return scene.dice.sample(list(scene.callers), max(1, len(scene.callers) // 3))


# --- the model's side --------------------------------------------------------------------------


@fault("model-cut", brief=(1, 5), stated=10)
async def model_cut(scene: Scene, seconds: float) -> None:
    await cut(scene, [scene.fleet.model], seconds)


@fault("model-drops", brief=(1, 3), stated=3)
async def model_drops(scene: Scene, seconds: float) -> None:
    scene.fleet.simulator.order(Order(do=Drop()))
    await asyncio.sleep(seconds)


@fault("model-leaves", brief=(2, 5), stated=5)
async def model_leaves(scene: Scene, seconds: float) -> None:
    scene.fleet.simulator.order(Order(do=GoAway(time_left=seconds)))
    await asyncio.sleep(seconds)


@fault("model-storms", brief=(2, 5), stated=5)
async def model_storms(scene: Scene, seconds: float) -> None:
    """All connections end with 1011, and so do the next ones, as soon as they begin."""
    error = Close(code=1011, reason="Internal error encountered.")
    again = Script(steps=(Step(do=error, at="ready"),))
    connections = 2 * len(scene.callers)
    scene.fleet.simulator.order(Order(do=error, script=again, connections=connections))
    await asyncio.sleep(seconds)


@fault("model-forgets", brief=(2, 4), stated=5)
async def model_forgets(scene: Scene, seconds: float) -> None:
    """No handle is good any more."""
    order = Order(
        do=Drop(), script=find_script("refuse-handle"), connections=2 * len(scene.callers)
    )
    scene.fleet.simulator.order(order)
    await asyncio.sleep(seconds)


@fault("model-slow-pongs", brief=(3, 6), stated=30)
async def model_slow_pongs(scene: Scene, seconds: float) -> None:
    scene.fleet.simulator.order(Order(do=SlowPong(seconds=seconds)))
    await asyncio.sleep(seconds)


@fault("model-silent", brief=(2, 6), stated=10)
async def model_silent(scene: Scene, seconds: float) -> None:
    scene.fleet.simulator.order(Order(do=Silence(seconds=seconds)))
    await asyncio.sleep(seconds)


@fault("model-stalled", brief=(2, 6), stated=10)
async def model_stalled(scene: Scene, seconds: float) -> None:
    scene.fleet.simulator.order(Order(do=Stall(seconds=seconds)))
    await asyncio.sleep(seconds)
