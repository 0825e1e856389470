"""The keys of a keyset: Python's Tink has no keyset manager, so this module edits the message.

The order of the keys is their age. What stands after the primary key waits to become it; what
stands before it was primary once. So the file alone says how far a rotation has come.
"""

import secrets
from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import tink
from tink import aead, proto_keyset_format, secret_key_access
from tink.proto import tink_pb2

aead.register()


class KeyState(StrEnum):
    PRIMARY = "primary"  # seals and opens
    WAITING = "waiting"  # opens; is newer than the primary key
    OLD = "old"  # opens; is older than the primary key
    DISABLED = "disabled"  # is kept, and opens nothing but for re-sealing


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    state: KeyState


def new_keyset() -> tink.KeysetHandle:
    """A keyset with one new AES-256-GCM key."""
    return tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)


def keys_of(handle: tink.KeysetHandle) -> list[Key]:
    """The keys, oldest first."""
    info = handle.keyset_info()
    found: list[Key] = []
    newer = False
    for key in info.key_info:
        if key.key_id == info.primary_key_id:
            state, newer = KeyState.PRIMARY, True
        elif key.status != tink_pb2.ENABLED:
            state = KeyState.DISABLED
        else:
            state = KeyState.WAITING if newer else KeyState.OLD
        found.append(Key(key.key_id, state))
    return found


def primary_of(handle: tink.KeysetHandle) -> int:
    primary: int = handle.keyset_info().primary_key_id
    return primary


def draw_key_id() -> int:
    """Tink's ids are 32 bits wide and not 0."""
    return secrets.randbelow(2**32 - 1) + 1


def with_new_key(
    handle: tink.KeysetHandle, taken: Container[int], *, draw: Callable[[], int] = draw_key_id
) -> tuple[tink.KeysetHandle, int]:
    """Add a key that waits. Returns the keyset and the id of the new key, which is neither the
    id of another key nor in `taken` (of keys that are gone, and whose rows may come back)."""
    keyset = _message(handle)
    ids = {key.key_id for key in keyset.key}
    key_id = draw()
    while key_id in ids or key_id in taken:
        key_id = draw()
    key = keyset.key.add()
    key.CopyFrom(_message(new_keyset()).key[0])
    key.key_id = key_id
    return _handle(keyset), key_id


def with_primary(handle: tink.KeysetHandle, key_id: int) -> tink.KeysetHandle:
    """Let an enabled key be the one that seals."""
    keyset = _message(handle)
    keyset.primary_key_id = key_id
    return _handle(keyset)


def with_disabled(handle: tink.KeysetHandle, key_ids: Container[int]) -> tink.KeysetHandle:
    keyset = _message(handle)
    for key in keyset.key:
        if key.key_id in key_ids:
            key.status = tink_pb2.DISABLED
    return _handle(keyset)


def without_keys(handle: tink.KeysetHandle, key_ids: Container[int]) -> tink.KeysetHandle:
    keyset = _message(handle)
    kept = [key for key in keyset.key if key.key_id not in key_ids]
    del keyset.key[:]
    keyset.key.extend(kept)
    return _handle(keyset)


def with_all_enabled(handle: tink.KeysetHandle) -> tink.KeysetHandle:
    """For re-sealing alone: what a disabled key has sealed opens too."""
    keyset = _message(handle)
    for key in keyset.key:
        if key.status == tink_pb2.DISABLED:
            key.status = tink_pb2.ENABLED
    return _handle(keyset)


def _message(handle: tink.KeysetHandle) -> Any:
    serialized = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return tink_pb2.Keyset.FromString(serialized)


def _handle(keyset: Any) -> tink.KeysetHandle:
    """Raises tink.TinkError if Tink could not use the keyset, such as one without a primary key."""
    handle = proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    handle.primitive(aead.Aead)
    return handle
