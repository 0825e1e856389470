"""What the timeline says about the connection to the model."""

from __future__ import annotations

from math import ceil
from typing import Final

SESSION_RENEWED: Final = "The model's session began anew; it was told what had been said."
UPSTREAM_LOST: Final = "The connection to the model was lost. Trying again."
_LINE_CHANGES: Final = (
    "Another of the organisation's credentials steps in; the conversation goes on."
)


def line_changes(wait_s: float) -> str:
    """`wait_s`: how long it may take until the session begins, in seconds."""
    if wait_s < 1:
        return _LINE_CHANGES
    return f"{_LINE_CHANGES} It takes up to {ceil(wait_s)} s: sessions begin one after the other."
