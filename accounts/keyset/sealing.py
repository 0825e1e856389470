"""Sealing and opening, with the keyset of KEYSET_FILE as it is at that moment.

Every call looks at the file's stamp, so a process seals with a new primary key as soon as the
file says so. A process may still meet a ciphertext before its look at the file shows the key
(a shared disk may hide a change for a while): then it reads the file once more before it gives
up. So no process has to be told of a rotation, and none has to be waited for.
"""

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import tink
from django.conf import settings
from tink import aead

from accounts.keyset.errors import KeyMissing, KeysetUnreadable, KmsError, Unsealable
from accounts.keyset.file import parse, read, unreadable
from accounts.keyset.keys import KeyState, keys_of, primary_of

# Tink's prefix of a ciphertext: version 1, then the key's id, big-endian.
_VERSION = b"\x01"
PREFIX_BYTES = 5


@dataclass(frozen=True, slots=True)
class Binding:
    """The place a secret belongs to. A ciphertext opens only at the place it was sealed for."""

    tenant_id: UUID
    row_id: UUID
    field: str

    def associated_data(self) -> bytes:
        # The ids have a fixed length, so no two places give the same bytes.
        return b"parley/1" + self.tenant_id.bytes + self.row_id.bytes + self.field.encode()


def seal(plaintext: bytes, binding: Binding) -> bytes:
    """Encrypt with the primary key, for one place.

    Raises KeysetUnreadable, also when a file that was readable no longer is: what is sealed has
    to open with the file that is there.
    """
    sealed: bytes = current().primitive.encrypt(plaintext, binding.associated_data())
    return sealed


def unseal(sealed: bytes, binding: Binding) -> bytes:
    """Decrypt what was sealed for the same place, by any key of the keyset.

    While the file cannot be read, the keyset that was last read from it goes on opening.

    Raises:
        KeyMissing: it was sealed with a key that cannot be used here.
        Unsealable: it was sealed for another place, or was changed.
        KeysetUnreadable: there is no keyset.
    """
    keyset = _for_opening(key_id_of(sealed))
    return open_with(keyset.primitive, sealed, binding, key_ids=keyset.key_ids)


def open_with(
    primitive: aead.Aead, sealed: bytes, binding: Binding, *, key_ids: frozenset[int]
) -> bytes:
    """The same with a given keyset. Raises Unsealable."""
    try:
        opened: bytes = primitive.decrypt(sealed, binding.associated_data())
    except tink.TinkError:
        # Without its cause: a library's text about a ciphertext is nothing for a log.
        key_id = key_id_of(sealed)
        if key_id is not None and key_id not in key_ids:
            raise KeyMissing(key_id) from None
        raise Unsealable("A stored secret does not open with this keyset.") from None
    return opened


def prefix_of(key_id: int) -> bytes:
    """What every ciphertext of a key begins with."""
    return _VERSION + key_id.to_bytes(4, "big")


def key_id_of(sealed: bytes) -> int | None:
    """The key that sealed it; None if it is nothing that a keyset has sealed."""
    if len(sealed) <= PREFIX_BYTES or not sealed.startswith(_VERSION):
        return None
    return int.from_bytes(sealed[1:PREFIX_BYTES], "big")


# Device, inode, size, and the times of the last change in nanoseconds.
Stamp = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A keyset as it was read."""

    stamp: Stamp
    content: bytes
    handle: tink.KeysetHandle
    primitive: aead.Aead
    key_ids: frozenset[int]  # of the keys that open

    @property
    def primary_id(self) -> int:
        return primary_of(self.handle)


# The file, and the key of a key management service that guards it.
Source = tuple[Path, str]

_loaded: dict[Source, Loaded] = {}
_refused: dict[Source, tuple[Stamp, float, KmsError]] = {}
_reading = threading.Lock()

# A key management service that refuses is not asked again at once: each call may take seconds.
ASK_AGAIN_AFTER_S = 5.0


def current() -> Loaded:
    """The keyset as the file holds it now. Raises KeysetUnreadable."""
    source = _source()
    stamp = _stamp(source[0])
    held = _loaded.get(source)
    if held is not None and held.stamp == stamp:
        return held
    with _reading:
        return _read(source)


def _source() -> Source:
    return Path(settings.KEYSET_FILE), settings.KEYSET_KMS_URI


def _for_opening(key_id: int | None) -> Loaded:
    """The keyset to open a ciphertext of this key with: one that knows it, if there is one."""
    source = _source()
    held = _loaded.get(source)
    try:
        keyset = current()
        if key_id is not None and key_id not in keyset.key_ids:
            with _reading:
                keyset = _read(source)
    except KeysetUnreadable:
        if held is None:
            raise
        return held
    return keyset


def _read(source: Source) -> Loaded:
    # The stamp comes first: a file that is replaced in between is simply read again next time.
    stamp = _stamp(source[0])
    content = read(source[0])
    held = _loaded.get(source)
    if held is not None and held.content == content:
        # Parsing may ask a key management service: not for the same bytes again.
        _loaded[source] = replace(held, stamp=stamp)
    else:
        _loaded[source] = _load(source, content, stamp)
    return _loaded[source]


def _load(source: Source, content: bytes, stamp: Stamp) -> Loaded:
    now = time.monotonic()
    refused_stamp, refused_at, error = _refused.get(source, (None, now, None))
    if error is not None and refused_stamp == stamp and now < refused_at + ASK_AGAIN_AFTER_S:
        raise error
    try:
        handle = parse(content, source[1])
    except KmsError as refusal:
        _refused[source] = stamp, now, refusal
        raise
    opening = {key.id for key in keys_of(handle) if key.state != KeyState.DISABLED}
    return Loaded(stamp, content, handle, handle.primitive(aead.Aead), frozenset(opening))


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(error) from None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
