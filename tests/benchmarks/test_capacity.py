from dataclasses import replace

import pytest

from benchmarks.capacity import BARE, CONVERSATION, ECHO, Run, report, summarize

BASE = Run(
    kind=BARE,
    sessions=100,
    cost=1.0,
    generator=0.2,
    others=0.02,
    sent=1000,
    lost=0,
    latencies_ms=[1.0, 2.0, 3.0],
)
ECHOED = replace(BASE, kind=ECHO, cost=0.8)
TALKED = replace(BASE, kind=CONVERSATION, cost=5.0, sent=40, latencies_ms=[])
HELD = replace(ECHOED, sessions=1000, cost=0.5, latencies_ms=[50.0] * 98 + [150.0, 1500.0])


def lines(*runs: Run, held: Run | None = None, about: str = "- ") -> list[str]:
    return [line for line in report(runs, held) if line.startswith(about)]


def test_costs_are_medians_and_losses_are_added_up() -> None:
    rounds = [replace(ECHOED, cost=cost, lost=lost) for cost, lost in ((1, 2), (9, 0), (2, 1))]
    [row] = summarize(rounds)
    assert (row.cost, row.lost, row.sent, row.p50_ms) == (2, 3, 3000, 2.0)


def test_the_table_has_the_yardstick_first_and_the_ratio_to_it() -> None:
    assert lines(TALKED, ECHOED, BASE, about="| ")[1:] == [
        "| bare websockets | 100 | 1.000 |  | 1000 | 2.0 | 3.0 | 0 of 1000 |",
        "| echo | 100 | 0.800 | 0.80 | 1250 | 2.0 | 3.0 | 0 of 1000 |",
        "| conversation | 100 | 5.000 | 5.00 | 200 |  |  | 0 of 40 |",
    ]


def test_without_the_yardstick_there_is_no_ratio() -> None:
    assert "| echo | 100 | 0.800 |  | 1250 |" in lines(ECHOED, about="| echo")[0]


def test_how_many_one_core_holds_is_told_by_the_run_with_the_most_sessions() -> None:
    more = replace(ECHOED, sessions=500, cost=0.6)
    [echo] = lines(ECHOED, more, about="- Scenario")
    assert echo.endswith("with 500 sessions: one core has time for 1,667.")
    echo, talked = lines(TALKED, more, held=HELD, about="- Scenario")
    assert echo.endswith("with 1,000 sessions: one core has time for 2,000.")
    assert talked.endswith("with 100 sessions: one core has time for 200.")


def test_what_was_late_while_they_were_held() -> None:
    [line] = lines(ECHOED, held=HELD, about="- Held")
    assert line == (
        "- Held 1,000 `echo` sessions with 50% of a core: of 1,000 chunks 0 lost, 2 later than "
        "100 ms, 1 later than 1 s (p50 50.0 ms, p99 150.0 ms). Must: none lost: met."
    )
    [line] = lines(ECHOED, held=replace(HELD, lost=1), about="- Held")
    assert line.endswith("Must: none lost: MISSED.")
    assert lines(ECHOED, about="- Held") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"generator": 0.9}, "the generator used 90% of its core"),
        ({"others": 0.43}, "other programs used up to 43% of a core"),
    ],
)
def test_what_was_in_the_way_is_told(changes: dict[str, float], words: str) -> None:
    assert lines(ECHOED, about="- Take care") == []
    [line] = lines(ECHOED, held=replace(HELD, **changes), about="- Take care")  # type: ignore[arg-type]
    assert words in line
