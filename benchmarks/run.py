"""`make bench`: what Parley costs, against a direct connection and a bare proxy.

Starts the real processes, puts the same load on each road in turn, round by round, and
prints one table and where it stands against the budgets. Loopback only; Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import re
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from benchmarks import report
from benchmarks.accounting import Meter, Reading, others_share, spent_ms
from benchmarks.load import Load, drive, visit
from benchmarks.report import ROADS, Measurement
from benchmarks.sessions import SessionFailed
from benchmarks.stage import Cores, Road, Stage
from benchmarks.tally import percentile
from tests.children import ChildError
from tests.services import ServiceError

README = Path(__file__).with_name("README.md")
MARKS = ("<!-- figures: written by `make bench` with --write -->", "<!-- end of figures -->")
SESSIONS = (10, 50, 100, 200)
SECONDS = 4.0
ROUNDS = 3
# A new round begins only if one like the longest so far would end within this (seconds).
LIMIT_S = 570.0
RUN_TIMEOUT_S = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cores = Cores.of_this_machine()
    allow_open_files()
    signal.signal(signal.SIGTERM, end)
    bench = Bench(options)
    print(machine(), flush=True)
    try:
        stage = Stage(cores, capacity=2 * max(options.sessions) + 100)
        with stage.running():
            bench.run(stage)
    except (ChildError, ServiceError, SessionFailed) as error:
        print(f"The benchmark could not run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; everything that was started has ended.", file=sys.stderr)
        return 130
    text = bench.report()
    if options.write:
        write(text)
    print(f"\n{text}")
    return 1 if bench.failures else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sessions", type=numbers, default=SESSIONS, metavar="10,50")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured, of each run")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--roads", type=roads, default=ROADS, help="; ".join(ROADS))
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for all of it")
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    return parser.parse_args(arguments)


def numbers(text: str) -> tuple[int, ...]:
    values = tuple(int(part) for part in text.split(","))
    if min(values) < 1:
        raise ValueError(text)
    return values


def roads(text: str) -> tuple[str, ...]:
    values = tuple(part.strip() for part in text.split(","))
    if not set(values) <= set(ROADS):
        raise ValueError(text)
    return values


@dataclass(frozen=True)
class Run:
    """One number of sessions on one road; `idle` was read before the round's first one."""

    round: int
    name: str
    sessions: int
    road: Road
    idle: Reading

    def __str__(self) -> str:
        return f"round {self.round + 1}, {self.sessions} sessions, {self.name}"


class Bench:
    """All rounds, and what came of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.measurements: list[Measurement] = []
        self.failures: list[str] = []
        self._options = options
        self._rounds = 0
        self._load_averages: list[float] = []

    def run(self, stage: Stage) -> None:
        began, longest = time.monotonic(), 0.0
        for number in range(self._options.rounds):
            round_began = time.monotonic()
            if number and round_began - began + longest > self._options.limit:
                print(f"The time is up: {number} of {self._options.rounds} rounds were run.")
                return
            self._round(stage, number)
            self._rounds = number + 1
            longest = max(longest, time.monotonic() - round_began)

    def _round(self, stage: Stage, number: int) -> None:
        order = self._options.roads
        with stage.roads(order) as roads:
            uvloop.run(visit_all(roads.values()))
            idle = {name: Meter(road.groups).read() for name, road in roads.items()}
            for sessions in self._options.sessions:
                # Nobody is always the first or the last.
                order = (*order[1:], order[0])
                for name in order:
                    run = Run(number, name, sessions, roads[name], idle[name])
                    self._measure(stage, run)

    def _measure(self, stage: Stage, run: Run) -> None:
        self._load_averages.append(os.getloadavg()[0])
        try:
            turns = stage.stored_turns()
            load = uvloop.run(self._drive(run))
            stored = stage.stored_turns() - turns
        except (SessionFailed, TimeoutError) as error:
            self._fail(run, str(error) or type(error).__name__)
            return
        measured = measurement(run, load, stored)
        self.measurements.append(measured)
        cpu = sum(spent for key, spent in measured.cpu.items() if key not in report.LOAD_SIDE)
        print(
            f"{run}: p50 {measured.p50_ms:.2f} ms, p99 {measured.p99_ms:.2f} ms, "
            f"lost {measured.lost} of {measured.sent}, CPU {cpu:.2f}, "
            f"others used {measured.others:.0%}",
            flush=True,
        )
        if load.complaints:
            self._fail(run, "; ".join(sorted(set(load.complaints))[:5]))

    async def _drive(self, run: Run) -> Load:
        seconds = self._options.seconds
        async with asyncio.timeout(RUN_TIMEOUT_S):
            meter = Meter(run.road.groups)
            return await drive(run.road.target, meter, sessions=run.sessions, seconds=seconds)

    def _fail(self, run: Run, reason: str) -> None:
        self.failures.append(f"{run}: {reason}")
        print(f"{run}: FAILED: {reason}", flush=True)

    def report(self) -> str:
        rows = report.summarize(self.measurements)
        parts = [
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {machine()}.",
            self._circumstances(),
            "",
            report.table(rows),
            "",
            *(f"- {line}" for line in report.verdicts(rows)),
            *(f"- FAILED: {line}" for line in self.failures),
        ]
        return "\n".join(parts)

    def _circumstances(self) -> str:
        averages = self._load_averages or [0.0]
        return (
            f"Medians of {self._rounds} rounds, {self._options.seconds:g} s each run; load "
            f"average before a run: {min(averages):.1f} to {max(averages):.1f}."
        )


async def visit_all(roads: Iterable[Road]) -> None:
    for road in roads:
        await visit(road.target)


def measurement(run: Run, load: Load, stored: int) -> Measurement:
    session_seconds = run.sessions * (load.closed.at - load.opened.at)
    spent = spent_ms(load.opened, load.closed)
    holding = run.road.holding
    grown = [load.closed.rss_kib[group] - run.idle.rss_kib[group] for group in holding]
    counted = load.counted
    return Measurement(
        round=run.round,
        road=run.name,
        sessions=run.sessions,
        p50_ms=percentile(counted.latencies_ms, 0.50),
        p99_ms=percentile(counted.latencies_ms, 0.99),
        sent=counted.sent,
        lost=counted.lost,
        disordered=counted.disordered + counted.repeated + counted.foreign,
        cpu={group: ms / session_seconds for group, ms in spent.items()},
        kib=sum(grown) / run.sessions if grown else None,
        others=others_share(load.opened, load.closed, run.road.groups_on),
        # Of each line one turn is the user's and one the agent's.
        told=2 * load.lines if "postgres" in run.road.groups else 0,
        stored=stored,
    )


def machine() -> str:
    """Say what this ran on, without naming it."""
    cpus = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.+)$", cpus, re.MULTILINE)
    return (
        f"{os.cpu_count()} cores of {model.group(1) if model else platform.machine()}, "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def write(text: str, marks: tuple[str, str] = MARKS) -> None:
    """Replace what stands between the marks of benchmarks/README.md."""
    before, _, rest = README.read_text().partition(marks[0])
    after = rest.partition(marks[1])[2]
    README.write_text(f"{before}{marks[0]}\n\n{text}\n\n{marks[1]}{after}")


def allow_open_files() -> None:
    """Each session is a handful of sockets; children inherit the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
