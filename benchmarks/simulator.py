"""How many sessions the simulator holds on one core: scenario `echo`, and whole conversations.

The server has a core for itself, the generator another one. First what a session costs, in turns
with a bare `websockets` echo as the yardstick; then a thousand echo sessions, really held.
Loopback only; Linux only; two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from benchmarks.accounting import Meter, others_share, spent_ms
from benchmarks.callers import (
    CHUNK_S,
    Address,
    Caller,
    EchoCaller,
    Speaker,
    close_all,
    open_all,
    question_of,
    talk,
    wait_for,
)
from benchmarks.capacity import BARE, CONVERSATION, ECHO, KINDS, Run, report
from benchmarks.run import allow_open_files, end, machine, numbers, write
from benchmarks.sessions import SessionFailed, clock
from benchmarks.stage import LISTENS, Cores, pin, pin_threads, stop
from benchmarks.tally import count
from live.simulator.speech import speak
from tests.children import Child, ChildError

MARKS = (
    "<!-- simulator: written by `benchmarks/simulator.py --write` -->",
    "<!-- end of simulator -->",
)
SESSIONS = (100, 1000)
TALKING = 100
SECONDS = 10.0
ROUNDS = 3
HELD = 1000
HELD_SECONDS = 20.0
WARM_UP_S = 1.5
# Said in 1.8 s and answered in 6.5 s, three quarters of a second later.
QUESTION = "How much is delivery?"
CYCLE_S = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cores, load = Cores.of_this_machine(), os.getloadavg()[0]
    try:
        runs = measure(options, cores)
        held = hold(options, cores) if options.held else None
    except (ChildError, SessionFailed) as error:
        print(f"The benchmark could not run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; everything that was started has ended.", file=sys.stderr)
        return 130
    text = page(report(runs, held), options, load)
    if options.write:
        write(text, MARKS)
    print(f"\n{text}")
    ours = [run for run in (*runs, held) if run and run.kind != BARE]
    return 1 if any(run.lost for run in ours) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=numbers, default=SESSIONS, metavar="100,1000")
    parser.add_argument("--talking", type=int, default=TALKING, help="conversations; 0 for none")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured, of each run")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--held", type=int, default=HELD, help="echo sessions held; 0 for none")
    parser.add_argument("--held-seconds", type=float, default=HELD_SECONDS)
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    return parser.parse_args(arguments)


# --- the runs ----------------------------------------------------------------------------


def measure(options: argparse.Namespace, cores: Cores) -> list[Run]:
    """All rounds; in each everybody takes a turn. Raises ChildError and SessionFailed."""
    jobs = [(kind, sessions) for sessions in options.sessions for kind in (BARE, ECHO)]
    jobs += [(CONVERSATION, options.talking)] if options.talking else []
    kinds = [kind for kind in KINDS if kind in dict(jobs)]
    runs = []
    for number in range(options.rounds):
        turn = number % len(jobs)
        with serving(cores, kinds, most=max(sessions for _, sessions in jobs)) as servers:
            for kind, sessions in jobs[turn:] + jobs[:turn]:
                runs.append(run_one(servers[kind], kind, sessions, options.seconds))
    return runs


def hold(options: argparse.Namespace, cores: Cores) -> Run:
    with serving(cores, [ECHO], most=options.held) as servers:
        return run_one(servers[ECHO], ECHO, options.held, options.held_seconds)


@dataclass(frozen=True)
class Serving:
    """A server that runs, on `core`; the generator is on `generator_core`."""

    address: Address
    pid: int
    core: int
    generator_core: int


@contextmanager
def serving(cores: Cores, kinds: Sequence[str], most: int) -> Iterator[dict[str, Serving]]:
    """Run the servers on their core, and this process on the other. Raises ChildError."""
    key = f"sim-{secrets.token_urlsafe(24)}"
    children: dict[str, Child] = {}
    try:
        for kind in kinds:
            environment = {**os.environ, "PYTHONUNBUFFERED": "1", "DEMO": "1"}
            children[kind] = Child([sys.executable, *command(kind, key, most)], environment)
        servers = {}
        for kind, child in children.items():
            address = Address(child.wait_for(LISTENS)[1], key)
            servers[kind] = Serving(address, child.pid, cores.parley, cores.load)
            pin(child.pid, {cores.parley})
        pin_threads(os.getpid(), {cores.load})
        yield servers
    finally:
        pin_threads(os.getpid(), cores.usable)
        stop(list(children.values()))


def command(kind: str, key: str, most: int) -> list[str]:
    if kind == BARE:
        return ["benchmarks/bare_echo.py"]
    options = ["--port", "0", "--api-key", key, "--max-sessions", str(most)]
    return ["manage.py", "simulator", "--scenario", kind, *options]


def run_one(server: Serving, kind: str, sessions: int, seconds: float) -> Run:
    """Raises SessionFailed when a session does not open, or ends early."""
    drive = drive_speakers if kind == CONVERSATION else drive_echo
    run = uvloop.run(drive(server, kind, sessions, seconds))
    print(
        f"{kind}, {sessions} sessions: {run.cost:.3f} CPU-ms, {run.lost} of {run.sent} lost, "
        f"generator {run.generator:.0%} of a core, others {run.others:.0%}",
        flush=True,
    )
    return run


async def drive_echo(server: Serving, kind: str, sessions: int, seconds: float) -> Run:
    callers = [EchoCaller(server.address, number) for number in range(sessions)]
    async with opened(callers):
        books = Books(server)
        start = clock()
        talking = asyncio.create_task(talk(callers, start, start + WARM_UP_S + seconds + CHUNK_S))
        await books.keep(WARM_UP_S, seconds)
        await talking
        await wait_for(lambda: all(caller.track.is_complete for caller in callers))
    counted = count([caller.track for caller in callers], *books.window)
    wrong = counted.disordered + counted.repeated + counted.foreign
    return books.run(
        kind, callers, sent=counted.sent, lost=counted.lost + wrong, times=counted.latencies_ms
    )


async def drive_speakers(server: Serving, kind: str, sessions: int, seconds: float) -> Run:
    question, cycle = question_of(speak(QUESTION, 16000)), round(CYCLE_S / CHUNK_S)
    callers = [
        # By the golden ratio, so that at any moment as many ask as at any other.
        Speaker(
            server.address, question, QUESTION, cycle=cycle, wait=int(cycle * (number * 0.618 % 1))
        )
        for number in range(sessions)
    ]
    async with opened(callers):
        books = Books(server)
        start = clock()
        # After the last question they listen for as long as an answer takes.
        until = start + 2 * CYCLE_S + seconds
        talking = asyncio.create_task(talk(callers, start, until))
        await books.keep(CYCLE_S, seconds)
        for caller in callers:
            caller.hush()
        await talking
        await wait_for(lambda: all(caller.answers >= caller.asked for caller in callers))
    asked = sum(caller.asked for caller in callers)
    wrong = sum(abs(caller.asked - caller.answers) for caller in callers)
    return books.run(kind, callers, sent=asked, lost=wrong)


@asynccontextmanager
async def opened(callers: Sequence[Caller]) -> AsyncIterator[None]:
    """Open the sessions, close them afterwards. Raises SessionFailed for one that ended early."""
    try:
        await open_all(callers)
        gc.collect()
        gc.disable()  # the generator's own pauses are not to be measured
        yield
    finally:
        gc.enable()
        await close_all(callers)
    for caller in callers:
        if caller.complaint:
            raise SessionFailed(caller.complaint)


class Books:
    """What a run spends, between the opening of its window and its end."""

    def __init__(self, server: Serving) -> None:
        self._meter = Meter({"server": server.pid, "generator": os.getpid()})
        self._groups_on: dict[int, list[str]] = {}
        for group, core in (("server", server.core), ("generator", server.generator_core)):
            self._groups_on.setdefault(core, []).append(group)

    async def keep(self, warm_up: float, seconds: float) -> None:
        await asyncio.sleep(warm_up)
        self._before, opened_at = self._meter.read(), clock()
        await asyncio.sleep(seconds)
        self.window = opened_at, clock()
        self._after = self._meter.read()

    def run(
        self,
        kind: str,
        callers: Sequence[Caller],
        *,
        sent: int,
        lost: int,
        times: Sequence[float] = (),
    ) -> Run:
        elapsed_ms = (self._after.at - self._before.at) * 1000
        spent = spent_ms(self._before, self._after)
        return Run(
            kind=kind,
            sessions=len(callers),
            cost=spent["server"] / len(callers) / elapsed_ms * 1000,
            generator=spent["generator"] / elapsed_ms,
            others=others_share(self._before, self._after, self._groups_on),
            sent=sent,
            lost=lost,
            latencies_ms=times,
        )


def page(lines: Sequence[str], options: argparse.Namespace, load: float) -> str:
    head = (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {machine()}. Medians of {options.rounds} "
        f"rounds, {options.seconds:g} s each run, {options.held_seconds:g} s the held one; "
        f"load average before: {load:.1f}."
    )
    return "\n".join([head, "", *lines])


if __name__ == "__main__":
    allow_open_files()
    signal.signal(signal.SIGTERM, end)
    sys.exit(main())
