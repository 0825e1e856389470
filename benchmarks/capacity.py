"""What runs against the simulator say: a table, and how many sessions one core holds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.report import LOAD_SIDE_BUSY, OTHERS_BUSY
from benchmarks.tally import percentile

BARE, ECHO, CONVERSATION = "bare websockets", "echo", "conversation"
KINDS = (BARE, ECHO, CONVERSATION)
LATE_MS, VERY_LATE_MS = 100, 1000


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run gave. `cost` is CPU-ms of the server per session and second.

    `generator` is the share of a core that the generator used, `others` what other programs
    did. Of conversations questions are counted, of echoes chunks.
    """

    kind: str
    sessions: int
    cost: float
    generator: float
    others: float
    sent: int
    lost: int  # or answered wrongly
    latencies_ms: Sequence[float] = ()

    def later_than(self, ms: float) -> int:
        return sum(latency > ms for latency in self.latencies_ms)


def report(runs: Sequence[Run], held: Run | None) -> list[str]:
    """The table, and a sentence on each figure that was asked for."""
    rows = summarize(runs)
    bare = {row.sessions: row.cost for row in rows if row.kind == BARE}
    lines = [
        "| server | sessions | CPU-ms | times bare | sessions a core | p50 ms | p99 ms | lost |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [_line(row, bare.get(row.sessions)) for row in rows]
    everything = summarize([*runs, *([held] if held else [])])
    lines += ["", *(f"- {text}" for text in _capacities(everything))]
    lines += [f"- {_held(held)}"] if held else []
    return lines + [f"- {text}" for text in _cautions([*runs, *([held] if held else [])])]


@dataclass(frozen=True)
class Row:
    """All rounds of one server with one number of sessions: medians, losses added up."""

    kind: str
    sessions: int
    cost: float
    p50_ms: float
    p99_ms: float
    sent: int
    lost: int


def summarize(runs: Sequence[Run]) -> list[Row]:
    cells = sorted({(KINDS.index(run.kind), run.sessions) for run in runs})
    return [
        _row([run for run in runs if (KINDS.index(run.kind), run.sessions) == cell])
        for cell in cells
    ]


def _row(runs: Sequence[Run]) -> Row:
    return Row(
        runs[0].kind,
        runs[0].sessions,
        median(run.cost for run in runs),
        median(percentile(run.latencies_ms, 0.50) for run in runs),
        median(percentile(run.latencies_ms, 0.99) for run in runs),
        sum(run.sent for run in runs),
        sum(run.lost for run in runs),
    )


def _line(row: Row, bare: float | None) -> str:
    times = f"{row.cost / bare:.2f}" if bare and row.kind != BARE else ""
    waits = ("", "") if row.kind == CONVERSATION else (f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}")
    cells = (row.kind, row.sessions, f"{row.cost:.3f}", times, f"{1000 / row.cost:.0f}", *waits)
    return "| " + " | ".join(map(str, cells)) + f" | {row.lost} of {row.sent} |"


def _capacities(rows: Sequence[Row]) -> Iterator[str]:
    """By the run with the most sessions: who has much to do wakes less often for each message."""
    for kind in (ECHO, CONVERSATION):
        for row in [row for row in rows if row.kind == kind][-1:]:
            yield (
                f"Scenario `{kind}`: {row.cost:.3f} CPU-ms per session and second with "
                f"{row.sessions:,} sessions: one core has time for {1000 / row.cost:,.0f}."
            )


def _held(held: Run) -> str:
    verdict = "met" if not held.lost else "MISSED"
    share, ms = held.cost * held.sessions / 1000, held.latencies_ms
    return (
        f"Held {held.sessions:,} `{held.kind}` sessions with {share:.0%} of a core: of "
        f"{held.sent:,} chunks {held.lost} lost, {held.later_than(LATE_MS)} later than {LATE_MS} "
        f"ms, {held.later_than(VERY_LATE_MS)} later than {VERY_LATE_MS // 1000} s (p50 "
        f"{percentile(ms, 0.50):.1f} ms, p99 {percentile(ms, 0.99):.1f} ms). "
        f"Must: none lost: {verdict}."
    )


def _cautions(runs: Sequence[Run]) -> Iterator[str]:
    generator, others = max(run.generator for run in runs), max(run.others for run in runs)
    if generator > LOAD_SIDE_BUSY:
        yield f"Take care: the generator used {generator:.0%} of its core; delays are partly its."
    if others > OTHERS_BUSY:
        yield f"Take care: other programs used up to {others:.0%} of a core; delays are theirs too."
