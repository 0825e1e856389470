import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import lists
from benchmarks.lists import Row, parse


def test_options_say_what_is_run() -> None:
    assert parse([]).rows == lists.ROWS
    options = parse(["--rows", "5000", "--rounds", "3"])
    assert (options.rows, options.rounds, options.write) == (5000, 3, False)


def test_a_line_compares_medians() -> None:
    row = Row("review", many=[900.0, 30.0, 20.0], few=[10.0, 15.0, 90.0], statements=9)
    assert str(row) == "| review | 30 | 15 | 2.00 | 9 | met |"
    assert str(Row("review", [301.0], [301.0], 9)).endswith("| missed |")


@pytest.mark.full
def test_the_whole_of_it_with_few_rows() -> None:
    script = Path(lists.__file__)
    command = [sys.executable, str(script), "--rows", "3000", "--rounds", "1"]
    environment = {**os.environ, "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines()[4:]] == [*lists.PAGES]
