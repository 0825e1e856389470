"""Measurements become one table and a word on each budget. Pure.

"Added" compares with the direct connection of the same round and number of sessions: both
ran within a minute of each other. Figures are medians over the rounds; what must never
happen (losses, repetitions, wrong order) is added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

DIRECT, PROXY, DAPHNE, UVICORN = "direct", "proxy", "parley daphne", "parley uvicorn"
ROADS = (DIRECT, PROXY, DAPHNE, UVICORN)
# The load's own side, which is nobody's cost.
LOAD_SIDE = ("generator", "simulator")
PROCESSES = ("web", "worker", "redis", "postgres")
HEAD = (
    *("sessions", "road", "p50 ms", "p99 ms", "added p50", "added p99", "lost", "disordered"),
    *("CPU", *PROCESSES, "KiB/session", "turns stored", "others"),
)
# Above this the generator and the simulator hold up themselves, and the figures with them.
LOAD_SIDE_BUSY = 0.85
# Above this other programs were in the way.
OTHERS_BUSY = 0.1


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One run. CPU in ms per session-second, by process; memory in KiB per session."""

    round: int
    road: str
    sessions: int
    p50_ms: float
    p99_ms: float
    sent: int
    lost: int
    disordered: int  # out of order, repeated or never sent
    cpu: dict[str, float]
    kib: float | None
    others: float = 0.0  # of a core, used by other programs meanwhile
    told: int = 0  # turns that have to be stored
    stored: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """All rounds of one road with one number of sessions."""

    road: str
    sessions: int
    p50_ms: float
    p99_ms: float
    added_p50_ms: float
    added_p99_ms: float
    lost: int
    disordered: int
    cpu: dict[str, float]
    kib: float | None
    others: float
    told: int
    stored: int

    @property
    def parley_cpu(self) -> float:
        """CPU-ms per session-second of everything but the load's own side."""
        return sum(spent for name, spent in self.cpu.items() if name not in LOAD_SIDE)

    @property
    def load_side_busy(self) -> float:
        """The share of its core that generator and simulator used, 0 to 1."""
        return sum(self.cpu[name] for name in LOAD_SIDE) * self.sessions / 1000


def summarize(measurements: Sequence[Measurement]) -> list[Row]:
    """Return a row for each number of sessions and road, in the order of ROADS."""
    cells = {(m.sessions, m.road) for m in measurements}
    direct = {(m.sessions, m.round): m for m in measurements if m.road == DIRECT}
    return [
        _row([m for m in measurements if (m.sessions, m.road) == cell], direct)
        for cell in sorted(cells, key=lambda cell: (cell[0], ROADS.index(cell[1])))
    ]


def _row(runs: Sequence[Measurement], direct: dict[tuple[int, int], Measurement]) -> Row:
    pairs = [(run, direct[key]) for run in runs if (key := (run.sessions, run.round)) in direct]
    kib = [run.kib for run in runs if run.kib is not None]
    return Row(
        road=runs[0].road,
        sessions=runs[0].sessions,
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        added_p50_ms=_median([run.p50_ms - base.p50_ms for run, base in pairs]),
        added_p99_ms=_median([run.p99_ms - base.p99_ms for run, base in pairs]),
        lost=sum(run.lost for run in runs),
        disordered=sum(run.disordered for run in runs),
        cpu={name: median(run.cpu[name] for run in runs) for name in runs[0].cpu},
        kib=median(kib) if kib else None,
        others=max(run.others for run in runs),
        told=sum(run.told for run in runs),
        stored=sum(run.stored for run in runs),
    )


def _median(values: Sequence[float]) -> float:
    return median(values) if values else math.nan


# --- the table ---------------------------------------------------------------------------


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table that is legible as it stands."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = "|".join(f" {'-' * (width - 1)}: " for width in widths)
    head, *body = (
        "|".join(f" {cell:>{width}} " for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(f"|{line}|" for line in (head, rule, *body))


def _cells(row: Row) -> tuple[str, ...]:
    is_direct = row.road == DIRECT
    return (
        str(row.sessions),
        row.road,
        _figure(row.p50_ms),
        _figure(row.p99_ms),
        "" if is_direct else _figure(row.added_p50_ms),
        "" if is_direct else _figure(row.added_p99_ms),
        str(row.lost),
        str(row.disordered),
        "" if is_direct else _figure(row.parley_cpu),
        *(_figure(row.cpu[name]) if name in row.cpu else "" for name in PROCESSES),
        "" if row.kib is None else f"{row.kib:.0f}",
        f"{row.stored} of {row.told}" if row.told else "",
        f"{row.others:.0%}",
    )


def _figure(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.2f}"


# --- the budgets -------------------------------------------------------------------------


@dataclass(frozen=True)
class Budget:
    """What `road` has to reach with `sessions` sessions; smaller is better."""

    what: str
    unit: str
    road: str
    sessions: int
    must: float
    aim: float


BUDGETS = (
    Budget("CPU of all processes", "CPU-ms per session-second", DAPHNE, 200, 4.0, 3.0),
    Budget("CPU of all processes", "CPU-ms per session-second", UVICORN, 200, 2.8, 2.0),
    Budget("added round trip, p50", "ms", DAPHNE, 100, 1.5, 0.5),
    Budget("added round trip, p99", "ms", DAPHNE, 100, 8.0, 3.0),
    Budget("added round trip, p50", "ms", UVICORN, 100, 1.5, 0.5),
    Budget("added round trip, p99", "ms", UVICORN, 100, 8.0, 3.0),
    Budget("memory, web and worker", "KiB per session", DAPHNE, 200, 200.0, 100.0),
    Budget("memory, web and worker", "KiB per session", UVICORN, 200, 200.0, 100.0),
)
# Sessions on one core with p99 added below this and nothing lost: (must, aim).
SUSTAINED_P99_MS = 50.0
# The yardstick's CPU-ms per session-second on the machine that the budgets were set on.
PROXY_CPU, PROXY_SESSIONS = 1.07, 200
SUSTAINED = {DAPHNE: (300, 500), UVICORN: (600, 800)}


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Say where Parley stands against each budget, a sentence each."""
    found = {(row.road, row.sessions): row for row in rows}
    lines = [_verdict(budget, found.get((budget.road, budget.sessions))) for budget in BUDGETS]
    lines += [_sustained(road, rows) for road in SUSTAINED]
    lines += [_losses(rows), *_beside_the_proxy(found), *_load_side(rows), *_others(rows)]
    return lines


def _verdict(budget: Budget, row: Row | None) -> str:
    title = f"{budget.what}, {budget.road}, {budget.sessions} sessions"
    value = math.nan if row is None else _value(budget, row)
    if math.isnan(value):
        return f"{title}: not measured (must ≤ {budget.must:g}, aim {budget.aim:g})."
    must = "met" if value <= budget.must else "MISSED"
    aim = "met" if value <= budget.aim else "not reached"
    return (
        f"{title}: {value:.2f} {budget.unit}. "
        f"Must ≤ {budget.must:g}: {must}. Aim {budget.aim:g}: {aim}."
    )


def _value(budget: Budget, row: Row) -> float:
    if budget.what.startswith("CPU"):
        return row.parley_cpu
    if budget.what.startswith("memory"):
        return math.nan if row.kib is None else row.kib
    return row.added_p50_ms if budget.what.endswith("p50") else row.added_p99_ms


def _sustained(road: str, rows: Sequence[Row]) -> str:
    tried = [row for row in rows if row.road == road]
    held = [row.sessions for row in tried if row.added_p99_ms < SUSTAINED_P99_MS and not row.lost]
    must, aim = SUSTAINED[road]
    title = f"Sessions on one core with p99 added < {SUSTAINED_P99_MS:g} ms and none lost, {road}"
    if not held:
        return f"{title}: none of those tried. Must ≥ {must}, aim {aim}."
    most = max(row.sessions for row in tried)
    if max(held) >= must:
        word = "met" if max(held) >= aim else "not reached"
        return f"{title}: {max(held)}. Must ≥ {must}: met. Aim {aim}: {word}."
    if max(held) < most:
        return f"{title}: {max(held)}, and {most} failed. Must ≥ {must}: MISSED."
    return f"{title}: {max(held)}, the most that was tried (must ≥ {must}, aim {aim})."


def _losses(rows: Sequence[Row]) -> str:
    parley = [row for row in rows if row.road in SUSTAINED]
    lost, disordered = sum(row.lost for row in parley), sum(row.disordered for row in parley)
    told, stored = sum(row.told for row in parley), sum(row.stored for row in parley)
    return (
        f"Chunks lost through Parley: {lost}; out of order, repeated or foreign: {disordered}; "
        f"turns stored: {stored} of {told}. Must: 0, 0, all."
    )


def _beside_the_proxy(found: dict[tuple[str, int], Row]) -> list[str]:
    """Compare machines by the yardstick: a core that is half as fast doubles both."""
    lines = []
    for sessions in sorted({sessions for _, sessions in found}):
        proxy = found.get((PROXY, sessions))
        costs = [
            f"{row.parley_cpu / proxy.parley_cpu:.1f} times on {road.split()[1]}"
            for road in SUSTAINED
            if proxy and (row := found.get((road, sessions))) is not None
        ]
        if costs:
            lines.append(f"CPU beside the bare proxy, {sessions} sessions: {' and '.join(costs)}.")
    proxy = found.get((PROXY, PROXY_SESSIONS))
    if proxy is not None:
        lines.append(
            f"The budgets were set where the proxy cost {PROXY_CPU:g} CPU-ms with "
            f"{PROXY_SESSIONS} sessions; here it cost {proxy.parley_cpu:.2f}. As multiples of the "
            "proxy, must is 3.7 times on daphne and 2.6 times on uvicorn, aim 2.8 and 1.9 times."
        )
    return lines


def _load_side(rows: Sequence[Row]) -> list[str]:
    busy = max(rows, key=lambda row: row.load_side_busy, default=None)
    if busy is None or busy.load_side_busy < LOAD_SIDE_BUSY:
        return []
    share, where = f"{busy.load_side_busy:.0%}", f"{busy.sessions} sessions, {busy.road}"
    warning = f"Take care: generator and simulator used {share} of their core ({where}); "
    return [warning + "latencies there are partly their own."]


def _others(rows: Sequence[Row]) -> list[str]:
    worst = max((row.others for row in rows), default=0.0)
    if worst < OTHERS_BUSY:
        return []
    warning = f"Take care: other programs used up to {worst:.0%} of a core during a run; "
    return [warning + "latencies and losses there are partly theirs."]
