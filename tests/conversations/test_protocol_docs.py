"""The reference names every message, field and close code that there is, and no other."""

import re
from pathlib import Path

import msgspec
import pytest

from conversations import protocol as p

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "socket-protocol.md"
COMMON = {"type", "kind", "epoch", "seq", "ms"}


def section(title: str) -> dict[str, str]:
    """The rows of a section's tables: first cell -> second cell."""
    text = PAGE.read_text().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `?([\w-]+)`? \|(.*?)\|", text, re.MULTILINE)
    return {name: cell for name, cell in rows if name not in {"type", "kind", "code"}}


def fields(cell: str) -> set[str]:
    """The names in a table's cell, without what stands behind a colon."""
    return {name.rstrip("?") for name in re.findall(r"`([\w?-]+)`", cell.split(":", maxsplit=1)[0])}


def declared(message: type[msgspec.Struct], *, without: set[str]) -> set[str]:
    return set(message.__struct_fields__) - without


def tagged(union: object) -> dict[str, type[msgspec.Struct]]:
    return {str(kind.__struct_config__.tag): kind for kind in union.__args__}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("title", "union", "common"),
    [
        ("Client to server", p.FirstMessage | p.ClientMessage, set()),
        ("Server to client, not numbered", p.ServerMessage, set()),
        ("Server to client, numbered", p.Event, COMMON),
    ],
)
def test_messages(title: str, union: object, common: set[str]) -> None:
    written = {name: fields(cell) for name, cell in section(title).items()}
    coded = {name: declared(kind, without=common) for name, kind in tagged(union).items()}
    assert written == coded


def test_close_codes() -> None:
    coded = {value for name, value in vars(p.Close).items() if name.isupper()}
    assert {int(code) for code in section("Close codes")} == coded
