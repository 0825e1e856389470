import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import api_lists, lists
from benchmarks.api_lists import Row, page, parse


def test_options_say_what_is_run() -> None:
    assert parse([]).rows == lists.ROWS
    options = parse(["--rows", "5000", "--rounds", "3", "--write"])
    assert (options.rows, options.rounds, options.write) == (5000, 3, True)


def test_a_line_compares_medians_with_both_yardsticks() -> None:
    times = {"many": [900.0, 30.0, 20.0], "few": [10.0, 15.0, 90.0], "bare": [3.0, 1.0, 9.0]}
    row = Row("first page", **times, statements=4, found=50)
    assert str(row) == "| first page | 50 | 30 | 3.0 | 10 | 15 | 2.00 | 4 | met |"
    slow = Row("words", [301.0], [1.0], [1.0], 4, 50)
    assert str(slow).endswith("| missed |")
    head, _, *table = page([row, slow], parse(["--rows", "5000"])).splitlines()
    assert "5,000 conversations" in head
    assert {line.count("|") for line in table} == {10}


@pytest.mark.full
def test_the_whole_of_it_with_few_rows() -> None:
    script = Path(api_lists.__file__)
    command = [sys.executable, str(script), "--rows", "3000", "--rounds", "1"]
    environment = {**os.environ, "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    names = [line.split("|")[1].strip() for line in done.stdout.splitlines()[4:]]
    assert names == [*api_lists.PAGES]
