"""Text for spreadsheets: what people wrote, as cells that are not run; and rows as they come."""

import csv
from collections.abc import Iterable

# A spreadsheet takes a cell that begins so for a formula. The last four are as wide as a
# Chinese character, and taken for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_text(text: str) -> str:
    """The text as a cell that is no formula: with an apostrophe before one that would be."""
    return f"'{text}" if text.startswith(_FORMULA) else text


class Lines:
    """Makes CSV lines one at a time: `line_of(row)` with its line end."""

    def __init__(self) -> None:
        self._writer = csv.writer(self)
        self._text = ""

    def write(self, text: str) -> None:
        """What the csv writer calls."""
        self._text = text

    def line_of(self, cells: Iterable[object]) -> str:
        self._writer.writerow(cells)
        return self._text
