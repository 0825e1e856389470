"""The tables of states as a page: `docs/reference/live-states.md`, compared by a test.

python -m live.session.page docs/reference/live-states.md
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from live.session.states import TRANSITIONS, Input, State
from live.session.turn import TURNS, Step, Turn

StateT = TypeVar("StateT", bound=enum.Enum)
InputT = TypeVar("InputT", bound=enum.Enum)

_HEAD = """\
# States of a Live session

Drawn from the code, `platform/live/session/states.py` and `turn.py`; do not edit. To draw it anew:

```
PYTHONPATH=platform .venv/bin/python -m live.session.page docs/reference/live-states.md
```
"""
_SESSION = """\
## The session

Rows are states, columns what can happen. An empty cell is a fault: `ProtocolError` when it was the
service's message (`setup_complete`, `message`, `go_away`), `ProtocolMisuse` when it was our call.
"""
_TURN = """\
## The model's turn

Every pair has a row: the service promises little about the order of its messages.
"""


def page() -> str:
    """The page as Markdown."""
    drawn = (
        _HEAD,
        _SESSION,
        table(TRANSITIONS, State, Input),
        diagram(TRANSITIONS),
        _TURN,
        table(TURNS, Turn, Step),
        diagram(TURNS),
    )
    return "\n".join(drawn)


def table(
    transitions: Mapping[tuple[StateT, InputT], StateT],
    states: type[StateT],
    inputs: type[InputT],
) -> str:
    """One row for each state, one column for each input."""
    lines = [_row("", *(f"`{what.value}`" for what in inputs)), "|---" * (len(inputs) + 1) + "|"]
    for state in states:
        targets = (transitions.get((state, what)) for what in inputs)
        cells = (target.value if target else "" for target in targets)
        lines.append(_row(f"**{state.value}**", *cells))
    return "\n".join(lines) + "\n"


def diagram(transitions: Mapping[tuple[StateT, InputT], StateT]) -> str:
    """The arrows that lead to another state, as Mermaid draws them."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, what), target in transitions.items():
        if target is not state:
            arrows.setdefault((state.value, target.value), []).append(what.value)
    lines = (f"  {one} --> {other}: {', '.join(what)}" for (one, other), what in arrows.items())
    return "\n".join(("```mermaid", "stateDiagram-v2", *lines, "```")) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
