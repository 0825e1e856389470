import os
from pathlib import Path

import pytest

from benchmarks import callers, run, simulator
from benchmarks.callers import Address
from benchmarks.capacity import BARE, CONVERSATION, ECHO
from benchmarks.sessions import SessionFailed
from benchmarks.simulator import Serving, command, drive_echo, main, parse
from live.simulator import Pace, Simulator


def test_options_say_what_is_run() -> None:
    options = parse(["--sessions", "10,50", "--talking", "5", "--held", "0"])
    assert (options.sessions, options.talking, options.held) == ((10, 50), 5, 0)
    assert (options.rounds, options.write) == (simulator.ROUNDS, False)


def test_who_serves() -> None:
    assert command(BARE, "key", 5) == ["benchmarks/bare_echo.py"]
    for kind in (ECHO, CONVERSATION):
        words = " ".join(command(kind, "key", 5))
        assert words.startswith(f"manage.py simulator --scenario {kind} --port 0 ")
        assert words.endswith("--max-sessions 5")


async def test_a_run_counts_chunks_and_cpu() -> None:
    async with Simulator(scenario="echo") as server:
        core = min(os.sched_getaffinity(0))
        serving = Serving(Address(server.url, server.api_key), os.getpid(), core, core)
        result = await drive_echo(serving, ECHO, 2, 0.5)
    assert (result.kind, result.sessions, result.lost) == (ECHO, 2, 0)
    assert len(result.latencies_ms) == result.sent > 0
    # Both are this process here: what it used of a core was for two sessions.
    assert result.generator > 0
    assert result.cost == pytest.approx(result.generator / 2 * 1000, rel=0.5)


@pytest.mark.parametrize(("key", "words"), [("wrong", "API key not valid"), ("", "closed with")])
async def test_a_session_that_is_refused_or_ends_early_fails_the_run(
    key: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "PATIENCE_S", 0.0)
    async with Simulator(scenario="echo", pace=Pace(go_away=0.1, time_left=0.0)) as server:
        core = min(os.sched_getaffinity(0))
        address = Address(server.url, key or server.api_key)
        with pytest.raises(SessionFailed, match=words):
            await drive_echo(Serving(address, os.getpid(), core, core), ECHO, 1, 0.1)


def test_the_whole_of_it_with_real_processes(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--sessions", "2", "--talking", "0", "--seconds", "0.2", "--rounds", "1", "--held", "0"]
    before = os.sched_getaffinity(0)
    assert main(few) == 0
    printed = capsys.readouterr().out
    assert "| bare websockets | 2 |" in printed
    assert "| echo | 2 |" in printed
    assert "Scenario `echo`" in printed
    assert os.sched_getaffinity(0) == before


def test_its_figures_and_those_of_the_other_benchmark_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "README.md"
    page.write_text(run.README.read_text())
    monkeypatch.setattr(run, "README", page)
    run.write("first figures", simulator.MARKS)
    run.write("figures of the roads")
    run.write("second figures", simulator.MARKS)
    text = page.read_text()
    assert "first figures" not in text
    assert text.index("figures of the roads") < text.index("## The codec")
    assert text.index("## The simulator") < text.index("second figures")
    assert [text.count(mark) for mark in (*run.MARKS, *simulator.MARKS)] == [1, 1, 1, 1]
