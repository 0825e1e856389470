"""What every event has in common."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True):
    """Base of all events. `repr` shows no word that was said."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Unknown(Event, frozen=True):
    """A message that holds something the other events do not show, as it came.

    What of it is known comes as events of its own as well.
    """

    raw: bytes
