import math
from dataclasses import replace

import pytest

from benchmarks.report import (
    DAPHNE,
    DIRECT,
    PROXY,
    UVICORN,
    Measurement,
    Row,
    summarize,
    table,
    verdicts,
)

SIDE = {"generator": 1.0, "simulator": 0.5}
BASE = Measurement(
    round=0,
    road=DIRECT,
    sessions=100,
    p50_ms=0.2,
    p99_ms=0.5,
    sent=4000,
    lost=0,
    disordered=0,
    cpu=SIDE,
    kib=None,
)
PARLEY = replace(
    BASE,
    road=DAPHNE,
    p50_ms=1.0,
    p99_ms=3.0,
    cpu={**SIDE, "web": 2.0, "worker": 1.0, "redis": 0.1, "postgres": 0.2},
    kib=120.0,
    others=0.04,
    told=40,
    stored=40,
)


def row(**changes: object) -> Row:
    found = summarize([BASE, PARLEY])[1]
    return replace(found, **changes)  # type: ignore[arg-type]


def sentence(rows: list[Row], beginning: str) -> str:
    (found,) = [line for line in verdicts(rows) if line.startswith(beginning)]
    return found


def test_added_is_against_the_direct_connection_of_the_same_round() -> None:
    slow_hour = [replace(BASE, round=1, p50_ms=10.0), replace(PARLEY, round=1, p50_ms=11.0)]
    _, parley = summarize([BASE, PARLEY, *slow_hour])
    assert parley.added_p50_ms == pytest.approx(0.9)  # of 0.8 and 1.0
    assert parley.added_p99_ms == pytest.approx(2.5)


def test_without_a_direct_run_nothing_is_said_about_added() -> None:
    (parley,) = summarize([PARLEY])
    assert math.isnan(parley.added_p50_ms)
    assert "?" in table([parley])
    assert "not measured" in sentence([parley], "added round trip, p50, parley daphne")


def test_losses_are_added_up_and_costs_are_medians() -> None:
    rounds = [
        replace(PARLEY, round=number, lost=lost, cpu={**PARLEY.cpu, "web": web})
        for number, (lost, web) in enumerate([(1, 2.0), (0, 9.0), (2, 3.0)])
    ]
    (parley,) = summarize(rounds)
    assert parley.lost == 3
    assert parley.cpu["web"] == 3.0
    assert parley.parley_cpu == pytest.approx(4.3)
    assert parley.told == parley.stored == 120


def test_rows_are_in_the_order_of_sessions_and_roads() -> None:
    more = [replace(run, sessions=200) for run in (PARLEY, BASE)]
    rows = summarize([*more, PARLEY, BASE])
    assert [(r.sessions, r.road) for r in rows] == [
        (100, DIRECT),
        (100, DAPHNE),
        (200, DIRECT),
        (200, DAPHNE),
    ]


def test_the_table_has_a_line_for_each_row() -> None:
    head, rule, direct, parley = table(summarize([BASE, PARLEY])).splitlines()
    assert len({len(line) for line in (head, rule, direct, parley)}) == 1
    cells = [cell.strip() for cell in parley.strip("|").split("|")]
    assert cells[:8] == ["100", DAPHNE, "1.00", "3.00", "0.80", "2.50", "0", "0"]
    assert cells[8:] == ["3.30", "2.00", "1.00", "0.10", "0.20", "120", "40 of 40", "4%"]
    assert direct.count("|") == parley.count("|")


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (0.4, "Must ≤ 1.5: met. Aim 0.5: met."),
        (1.5, "Must ≤ 1.5: met. Aim 0.5: not reached."),
        (1.6, "Must ≤ 1.5: MISSED. Aim 0.5: not reached."),
    ],
)
def test_a_budget_is_met_or_missed(added: float, words: str) -> None:
    line = sentence([row(added_p50_ms=added)], "added round trip, p50, parley daphne")
    assert line.endswith(words)


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        ({200: 1.0}, ": 200, the most that was tried (must ≥ 300, aim 500)."),
        ({200: 1.0, 300: 60.0}, ": 200, and 300 failed. Must ≥ 300: MISSED."),
        ({300: 1.0}, ": 300. Must ≥ 300: met. Aim 500: not reached."),
        ({300: 1.0, 500: 49.0}, ": 500. Must ≥ 300: met. Aim 500: met."),
        ({10: 50.0}, ": none of those tried. Must ≥ 300, aim 500."),
    ],
)
def test_sessions_that_one_core_sustains(tried: dict[int, float], words: str) -> None:
    rows = [row(sessions=sessions, added_p99_ms=added) for sessions, added in tried.items()]
    (line,) = [one for one in verdicts(rows) if one.startswith("Sessions") and DAPHNE in one]
    assert line.endswith(words)


def test_a_loss_is_never_sustained() -> None:
    (line,) = [
        one for one in verdicts([row(lost=1)]) if one.startswith("Sessions") and DAPHNE in one
    ]
    assert "none of those tried" in line
    assert sentence([row(lost=1)], "Chunks").startswith("Chunks lost through Parley: 1;")


def test_cost_is_told_in_proxies() -> None:
    proxy = row(road=PROXY, sessions=200, cpu={**SIDE, "proxy": 1.5})
    rows = [proxy, row(sessions=200), row(road=UVICORN, sessions=200)]
    line = sentence(rows, "CPU beside the bare proxy")
    assert line.endswith("200 sessions: 2.2 times on daphne and 2.2 times on uvicorn.")
    assert "here it cost 1.50" in sentence(rows, "The budgets were set")


def test_a_busy_generator_is_told() -> None:
    assert not [line for line in verdicts([row(sessions=200)]) if line.startswith("Take care")]
    line = sentence([row(sessions=600)], "Take care")
    assert "90% of their core" in line


def test_other_programs_in_the_way_are_told() -> None:
    line = sentence([row(others=0.43)], "Take care")
    assert "other programs used up to 43% of a core" in line
