import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.accounting import (
    TICK_MS,
    Meter,
    Reading,
    others_share,
    parent_of,
    resident_kib,
    spent_ms,
    thread_times,
    tree,
)

CHILD_THAT_HAS_A_CHILD = """
import subprocess, sys
with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"]) as child:
    print(child.pid, flush=True)
"""


# user nice system idle iowait irq softirq steal guest guest_nice
STAT = """cpu  1007 200 150 90 80 1 3 6 0 0
cpu0 1000 200 150 50 40 1 3 6 0 0
cpu1 7 0 0 40 40 0 0 0 0 0
intr 5 6 7
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A process and its own child; both end when standard input closes."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD_THAT_HAS_A_CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())


def test_a_tree_holds_the_children_of_children(family: tuple[int, int]) -> None:
    child, grandchild = family
    assert list(tree(child)) == [child, grandchild]
    assert grandchild in tree(os.getpid())
    assert parent_of(grandchild) == child


def test_cpu_time_is_that_of_all_threads() -> None:
    worked: list[int] = []
    stay = threading.Event()

    def work() -> None:
        while time.thread_time() < 0.05:
            pass
        worked.append(threading.get_native_id())
        stay.wait()

    meter = Meter({"me": os.getpid()})
    before = meter.read()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        while not worked:
            time.sleep(0.01)  # gives the thread the interpreter
        after = meter.read()
    finally:
        stay.set()
        thread.join()
    assert dict(after.cpu_ns["me"])[worked[0]] >= 45_000_000
    assert spent_ms(before, after)["me"] >= 45


def test_memory_agrees_with_another_reading(family: tuple[int, int]) -> None:
    child, _ = family
    assert resident_kib(child) == pytest.approx(psutil.Process(child).memory_info().rss / 1024)
    meter = Meter({"family": child})
    assert meter.read().rss_kib["family"] > resident_kib(child)


def test_what_is_gone_has_neither_time_nor_memory(tmp_path: Path) -> None:
    assert list(thread_times(1, tmp_path)) == []
    assert resident_kib(1, tmp_path) == 0
    assert list(tree(1, tmp_path)) == [1]


def test_books_of_the_kernel_are_read(tmp_path: Path) -> None:
    for pid, thread, spent, children in ((7, 7, 500, "8 "), (7, 9, 30, ""), (8, 8, 4, "")):
        task = tmp_path / str(pid) / "task" / str(thread)
        task.mkdir(parents=True)
        (task / "schedstat").write_text(f"{spent} 12345 6\n")
        (task / "children").write_text(children)
    (tmp_path / "stat").write_text(STAT)
    (tmp_path / "7" / "stat").write_text("7 (a name) with (brackets) S 3 7 7 0\n")
    reading = Meter({"web": 7}, tmp_path).read()
    assert reading.cpu_ns == {"web": {7: 500, 9: 30, 8: 4}}
    assert reading.busy_ms == {0: 1360.0 * TICK_MS, 1: 7.0 * TICK_MS}
    assert parent_of(7, tmp_path) == 3


def test_threads_that_began_or_ended_between_two_readings() -> None:
    before = Reading(0.0, {"web": {1: 5_000_000, 2: 9_000_000}}, {}, {})
    after = Reading(1.0, {"web": {1: 8_000_000, 3: 2_000_000}}, {}, {})
    assert spent_ms(before, after) == {"web": 5.0}


def test_what_other_programs_used_is_what_we_did_not() -> None:
    cpu = {"generator": {1: 0}, "web": {2: 0}, "worker": {3: 0}}
    before = Reading(10.0, cpu, {}, {0: 500.0, 1: 900.0})
    spent = {"generator": {1: 300_000_000}, "web": {2: 200_000_000}, "worker": {3: 100_000_000}}
    after = Reading(12.0, spent, {}, {0: 900.0, 1: 1700.0})
    groups_on = {0: ["generator"], 1: ["web", "worker"]}
    assert others_share(before, after, groups_on) == pytest.approx(0.25)
    assert others_share(before, after, {1: ["generator", "web", "worker"]}) == pytest.approx(0.1)
