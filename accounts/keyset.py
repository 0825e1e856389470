"""The keyset that seals secrets at rest: a Tink AEAD keyset in a file.

What is sealed names its key, so a keyset may hold several: all of them open, the primary one
seals. Whoever has the file can open every stored secret; whoever loses it, none.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import tink
from django.conf import settings
from tink import aead, json_proto_keyset_format, secret_key_access

aead.register()


# KeysetError
# ├── KeysetUnreadable   the file is missing, unreadable or no keyset
# ├── KeysetExists       a keyset was to be created where there is a file
# └── Unsealable         a ciphertext does not open here
class KeysetError(Exception):
    """The keyset cannot do what was asked. `fix` says what to do about it."""

    code = "keyset"
    fix = "Check KEYSET_FILE."


class KeysetUnreadable(KeysetError):
    code = "keyset-unreadable"
    fix = "Check KEYSET_FILE, or create a keyset with `python manage.py keyset create`."


class KeysetExists(KeysetError):
    code = "keyset-exists"
    fix = "Keep the file: what it sealed opens with nothing else."


class Unsealable(KeysetError):
    code = "undecryptable"
    fix = "Restore the keyset that sealed it, or enter the secret again."


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
    """Encrypt with the primary key, for one place. Raises KeysetUnreadable."""
    sealed: bytes = _primitive().encrypt(plaintext, binding.associated_data())
    return sealed


def unseal(sealed: bytes, binding: Binding) -> bytes:
    """Decrypt what was sealed for the same place, by any key of the keyset.

    Raises:
        Unsealable: it was sealed for another place, by a key that is gone, or was changed.
        KeysetUnreadable: there is no keyset.
    """
    try:
        opened: bytes = _primitive().decrypt(sealed, binding.associated_data())
    except tink.TinkError:
        # Without its cause: a library's text about a ciphertext is nothing for a log.
        raise Unsealable("A stored secret does not open with this keyset.") from None
    return opened


def create_keyset(path: Path) -> None:
    """Write a new keyset with one AES-256-GCM key, readable by its owner alone.

    Raises:
        KeysetExists: there is a file already; it is left as it is.
    """
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeysetExists(f"There is a file at {path.name} already.") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _primitive() -> aead.Aead:
    """The keyset of KEYSET_FILE. A file that was replaced is read again."""
    path = Path(settings.KEYSET_FILE)
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise KeysetUnreadable(f"The keyset cannot be read: {error.strerror}.") from None
    return _load(path, changed_ns)


@lru_cache(maxsize=2)
def _load(path: Path, changed_ns: int) -> aead.Aead:
    try:
        handle = json_proto_keyset_format.parse(path.read_text(), secret_key_access.TOKEN)
        return handle.primitive(aead.Aead)
    except (OSError, UnicodeDecodeError, tink.TinkError):
        # Without its cause: a parser's text may quote the file.
        raise KeysetUnreadable("The keyset file is no Tink AEAD keyset.") from None
