"""What every object on the wire has in common."""

from __future__ import annotations

import msgspec


class Message(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """Base of every object on the wire. `repr` shows no word that was said, and no secret."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Detail(Message, frozen=True):
    """An object that a conversation can do without.

    One that does not fit its type is passed over in reading, like a name that is not known: the
    service may change it at any time, and nobody's call is to end for it.
    """


class Empty(Message, frozen=True):
    """An object whose presence is its meaning."""
