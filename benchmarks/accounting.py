"""CPU time and memory of running processes, from the kernel's own books (Linux).

`/proc/<pid>/schedstat` holds the time that one thread has spent on a CPU, in nanoseconds;
the threads of a process and its descendants are added up. `utime` and `stime` would do it
in steps of ten milliseconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
# What the kernel answers about a thread that ended between two looks.
GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True)
class Reading:
    """The books at one moment: per group of processes, CPU ns by thread id and RSS in KiB."""

    at: float  # seconds, of time.perf_counter
    cpu_ns: Mapping[str, Mapping[int, int]]
    rss_kib: Mapping[str, int]
    busy_ms: Mapping[int, float]  # by core: what all programs of the machine have used of it


class Meter:
    """Reads the books of groups; a group is a process with all that descend from it.

    This process itself stands alone: what descends from it are the other groups.
    """

    def __init__(self, groups: Mapping[str, int], proc: Path = PROC) -> None:
        self._groups = groups
        self._proc = proc

    def read(self) -> Reading:
        cpu, rss = {}, {}
        for name, root in self._groups.items():
            pids = [root] if root == os.getpid() else list(tree(root, self._proc))
            cpu[name] = {
                thread: spent for pid in pids for thread, spent in thread_times(pid, self._proc)
            }
            rss[name] = sum(resident_kib(pid, self._proc) for pid in pids)
        return Reading(time.perf_counter(), cpu, rss, busy_cores(self._proc))


def spent_ms(before: Reading, after: Reading) -> dict[str, float]:
    """Return the CPU time of each group between two readings, in milliseconds.

    A thread that began in between counts from zero; what one that ended in between had
    spent is lost (the pools and backends of Parley live as long as their processes).
    """
    return {
        name: sum(ns - before.cpu_ns[name].get(thread, 0) for thread, ns in threads.items()) / 1e6
        for name, threads in after.cpu_ns.items()
    }


def others_share(
    before: Reading, after: Reading, groups_on: Mapping[int, Collection[str]]
) -> float:
    """Return how much of a core other programs used, 0 to 1: of the core where it was most.

    `groups_on` names the groups that run on each core. The kernel's own work for our sockets
    outside of any process counts as others': a few per cent are no sign of anybody.
    """
    elapsed = (after.at - before.at) * 1000
    spent = spent_ms(before, after)
    others = [
        after.busy_ms[core] - before.busy_ms[core] - sum(spent[name] for name in names)
        for core, names in groups_on.items()
    ]
    return max(0.0, max(others) / elapsed)


def busy_cores(proc: Path = PROC) -> dict[int, float]:
    """Return the milliseconds that each core has been busy since the machine started."""
    busy = {}
    for line in (proc / "stat").read_text().splitlines():
        name, *columns = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, _idle, _iowait, *rest = (int(column) for column in columns[:8])
            busy[int(name[3:])] = (user + nice + system + sum(rest)) * TICK_MS
    return busy


def tree(root: int, proc: Path = PROC) -> Iterator[int]:
    """Yield a process and everything that descends from it."""
    yield root
    for children in (proc / str(root) / "task").glob("*/children"):
        with suppress(*GONE):
            for child in children.read_text().split():
                yield from tree(int(child), proc)


def thread_times(pid: int, proc: Path = PROC) -> Iterator[tuple[int, int]]:
    """Yield (thread id, nanoseconds on a CPU) for each thread of a process."""
    for book in (proc / str(pid) / "task").glob("*/schedstat"):
        with suppress(*GONE):
            yield int(book.parent.name), int(book.read_text().split()[0])


def resident_kib(pid: int, proc: Path = PROC) -> int:
    try:
        return int((proc / str(pid) / "statm").read_text().split()[1]) * PAGE_KIB
    except GONE:
        return 0


def parent_of(pid: int, proc: Path = PROC) -> int:
    """Return the parent's process id. Raises FileNotFoundError when there is no such process."""
    # The name in parentheses may hold spaces; what follows it may not.
    return int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
