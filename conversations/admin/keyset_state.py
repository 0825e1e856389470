"""The keyset as an operator may see it: which keys there are, and never what is in them."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.keyset import KeysetError
from accounts.keyset.keys import Key, keys_of
from accounts.keyset.sealing import current


@dataclass(frozen=True, slots=True)
class KeysetState:
    """The keys, oldest first; `text` says what is wrong when secrets do not open here."""

    ok: bool
    text: str
    keys: tuple[Key, ...] = ()


def keyset_state() -> KeysetState:
    """Whether secrets can be sealed and opened here, and with which keys."""
    try:
        loaded = current()
    except KeysetError as error:
        return KeysetState(False, f"{error} {error.fix}")
    return KeysetState(True, "Secrets can be sealed and opened.", tuple(keys_of(loaded.handle)))
