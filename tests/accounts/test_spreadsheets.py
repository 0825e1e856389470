import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.spreadsheets import Lines, as_text


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]
)
def test_no_cell_is_run(cell: str) -> None:
    assert as_text(cell) == f"'{cell}"


@given(st.text())
def test_what_is_text_stays(text: str) -> None:
    assert as_text(text).endswith(text)
    assert as_text(as_text(text)) == as_text(text)
    assert not as_text(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), max_size=5))
def test_a_reader_finds_the_cells(rows: list[list[str]]) -> None:
    lines = Lines()
    text = "".join(lines.line_of(row) for row in rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == rows
