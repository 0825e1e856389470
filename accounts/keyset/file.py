"""The keyset's file: read as a whole, replaced as a whole, never changed in place.

A new file is written beside the old one, forced to the disk and renamed over it. So whoever
reads sees the old keyset or the new one, and so does the next start after a power cut.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tink
from django.conf import settings
from tink import aead, json_proto_keyset_format, secret_key_access

from accounts.keyset.errors import (
    KeysetBusy,
    KeysetExists,
    KeysetMalformed,
    KeysetMissing,
    KeysetNotOurs,
    KeysetUnreadable,
)
from accounts.keyset.keys import new_keyset
from accounts.keyset.kms import KmsKey

# Tink's own tool binds a file to nothing, and what it wrote should be readable here.
_NOT_BOUND = b""


def keyset_path() -> Path:
    """Where the keyset lies. A link is followed: replacing the file leaves the link."""
    return Path(settings.KEYSET_FILE).resolve()


def read(path: Path) -> bytes:
    """The file's content. Raises KeysetUnreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(error) from None


def unreadable(error: OSError) -> KeysetUnreadable:
    kind = KeysetMissing if isinstance(error, FileNotFoundError) else KeysetUnreadable
    return kind(f"The keyset cannot be read: {error.strerror}.")


def parse(content: bytes, kms_uri: str) -> tink.KeysetHandle:
    """The keyset that a file holds. One that is encrypted is decrypted by the key of `kms_uri`;
    one in the clear is taken as it is, so that every process can be told of the key first.

    Raises:
        KeysetMalformed: it is no AEAD keyset, or is encrypted although there is no URI.
        KmsError: the service does not decrypt it.
    """
    try:
        text = content.decode()
        if is_encrypted(content):
            handle = json_proto_keyset_format.parse_encrypted(text, _key(kms_uri), _NOT_BOUND)
        else:
            handle = json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
        handle.primitive(aead.Aead)
    except (UnicodeDecodeError, tink.TinkError):
        # Without its cause: a parser's text may quote the file.
        raise KeysetMalformed("The keyset file is no Tink AEAD keyset.") from None
    return handle


def is_encrypted(content: bytes) -> bool:
    return b'"encryptedKeyset"' in content


def _key(kms_uri: str) -> KmsKey:
    if not kms_uri:
        raise KeysetMalformed(
            "The keyset file is encrypted by a key management service.",
            fix="Set KEYSET_KMS_URI to the key that it was encrypted with.",
        )
    return KmsKey(kms_uri)


def serialize(handle: tink.KeysetHandle, kms_uri: str) -> bytes:
    """What the file should hold. Raises KmsError."""
    text: str
    if kms_uri:
        text = json_proto_keyset_format.serialize_encrypted(handle, KmsKey(kms_uri), _NOT_BOUND)
    else:
        text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return text.encode()


class KeysetFile:
    """The keyset file while this process alone may change it; see `editing`."""

    def __init__(self, path: Path, handle: tink.KeysetHandle) -> None:
        self.path = path
        self.handle = handle

    @property
    def changed_at(self) -> float:
        """When the file was last replaced, in seconds since the epoch."""
        return self.path.stat().st_mtime

    def replace(self, handle: tink.KeysetHandle) -> None:
        """Put another keyset in its place. Raises KeysetNotOurs, KmsError and OSError, and then
        the file is as it was."""
        _write(self.path, serialize(handle, settings.KEYSET_KMS_URI))
        self.handle = handle


@contextmanager
def editing(*, kms_uri: str | None = None) -> Iterator[KeysetFile]:
    """Read the keyset in order to change it; nobody else can until the end.

    Args:
        kms_uri: the key that the file is encrypted with now, if not that of the settings.

    Raises:
        KeysetBusy: somebody else is changing it.
        KeysetUnreadable: there is nothing to change.
        OSError: nothing can be written there.
    """
    path = keyset_path()
    if not path.exists():
        raise KeysetMissing("The keyset cannot be read: No such file or directory.")
    uri = settings.KEYSET_KMS_URI if kms_uri is None else kms_uri
    with _locked(path):
        yield KeysetFile(path, parse(read(path), uri))


def create_keyset(path: Path) -> None:
    """Write a new keyset with one AES-256-GCM key, readable by its owner alone.

    Raises:
        KeysetExists: there is a file already; it is left as it is.
        KeysetBusy, KmsError, OSError: nothing was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        if path.exists():
            raise KeysetExists(f"There is a file at {path.name} already.")
        _write(path, serialize(new_keyset(), settings.KEYSET_KMS_URI))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The file itself is replaced, so it cannot be what is locked. The lock ends with its process.
    beside = path.with_name(f"{path.name}.lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise KeysetBusy from None
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # left by a command that was killed
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _take_after(path, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _take_after(path: Path, descriptor: int) -> None:
    """Let a new file have the owner of the old one, and its group's right to read."""
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except PermissionError:
        raise KeysetNotOurs from None
    os.fchmod(descriptor, 0o600 | (old.st_mode & stat.S_IRGRP))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
