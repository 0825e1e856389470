import dataclasses
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.ids import uuid7
from accounts.keyset import (
    Binding,
    KeyMissing,
    KeysetMalformed,
    KeysetMissing,
    KmsRefused,
    Unsealable,
    create_keyset,
    seal,
    sealing,
    unseal,
)
from accounts.keyset.file import editing
from accounts.keyset.keys import primary_of, with_disabled, with_new_key, with_primary
from accounts.keyset.sealing import current, key_id_of, prefix_of

PLACE = Binding(uuid7(), uuid7(), "secret")


def add_key() -> int:
    with editing() as file:
        handle, key_id = with_new_key(file.handle, taken=())
        file.replace(handle)
    return key_id


def promote(key_id: int) -> None:
    with editing() as file:
        file.replace(with_primary(file.handle, key_id))


def replace_unnoticed(path: Path, content: bytes) -> None:
    """Change the file as a shared disk may show it for a while: under the stamp of the old one."""
    path.write_bytes(content)
    held = sealing._loaded[path, ""]  # noqa: SLF001 - only a disk of the network does it
    stamp = sealing._stamp(path)  # noqa: SLF001
    sealing._loaded[path, ""] = dataclasses.replace(held, stamp=stamp)  # noqa: SLF001


def test_opens_at_its_place(own_keyset: Path) -> None:
    sealed = seal(b"canary-secret", PLACE)
    assert b"canary" not in sealed
    assert unseal(sealed, PLACE) == b"canary-secret"
    assert seal(b"canary-secret", PLACE) != sealed


@pytest.mark.parametrize(
    "moved",
    [
        Binding(uuid7(), PLACE.row_id, PLACE.field),
        Binding(PLACE.tenant_id, uuid7(), PLACE.field),
        Binding(PLACE.tenant_id, PLACE.row_id, "secret2"),
        Binding(PLACE.row_id, PLACE.tenant_id, PLACE.field),
    ],
    ids=["tenant", "row", "field", "swapped"],
)
def test_does_not_open_elsewhere(own_keyset: Path, moved: Binding) -> None:
    with pytest.raises(Unsealable) as raised:
        unseal(seal(b"secret", PLACE), moved)
    assert not isinstance(raised.value, KeyMissing)


def test_does_not_open_when_changed_or_cut(own_keyset: Path) -> None:
    sealed = seal(b"secret", PLACE)
    for changed in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"secret"):
        with pytest.raises(Unsealable) as raised:
            unseal(changed, PLACE)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


def test_the_ciphertext_names_its_key(own_keyset: Path) -> None:
    sealed = seal(b"secret", PLACE)
    assert sealed.startswith(prefix_of(current().primary_id))
    assert key_id_of(sealed) == current().primary_id
    for nothing in (b"", b"\x01abcd", b"\x00abcdef", b"secret"):
        assert key_id_of(nothing) is None


def test_a_replaced_file_is_read_at_the_next_call(own_keyset: Path) -> None:
    sealed = seal(b"secret", PLACE)
    key_id = add_key()
    assert key_id_of(seal(b"secret", PLACE)) == key_id_of(sealed)
    promote(key_id)
    assert key_id_of(seal(b"secret", PLACE)) == key_id
    assert unseal(sealed, PLACE) == b"secret"


def test_a_process_that_has_not_noticed_the_new_file_reads_it_before_it_gives_up(
    own_keyset: Path,
) -> None:
    old = own_keyset.read_bytes()
    promote(add_key())
    new, sealed = own_keyset.read_bytes(), seal(b"secret", PLACE)
    own_keyset.write_bytes(old)
    seal(b"", PLACE)
    replace_unnoticed(own_keyset, new)
    assert key_id_of(sealed) not in current().key_ids
    assert unseal(sealed, PLACE) == b"secret"
    assert key_id_of(sealed) in current().key_ids


def test_a_key_that_is_nowhere_is_told_apart(own_keyset: Path) -> None:
    sealed = seal(b"canary", PLACE)
    own_keyset.unlink()
    create_keyset(own_keyset)
    with pytest.raises(KeyMissing) as raised:
        unseal(sealed, PLACE)
    assert raised.value.key_id == key_id_of(sealed)
    assert raised.value.__suppress_context__


def test_a_disabled_key_opens_nothing(own_keyset: Path) -> None:
    sealed = seal(b"secret", PLACE)
    promote(add_key())
    with editing() as file:
        file.replace(with_disabled(file.handle, [key_id_of(sealed) or 0]))
    with pytest.raises(KeyMissing):
        unseal(sealed, PLACE)


def test_a_missing_keyset(own_keyset: Path) -> None:
    own_keyset.unlink()
    with pytest.raises(KeysetMissing, match="No such file"):
        seal(b"secret", PLACE)
    with pytest.raises(KeysetMissing):
        unseal(b"secret", PLACE)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"half a f")])
def test_what_was_read_once_goes_on_opening_but_not_sealing(own_keyset: Path, spoil: type) -> None:
    """Nothing is sealed that the file could not open; a running conversation does not mind."""
    sealed = seal(b"secret", PLACE)
    whole = own_keyset.read_bytes()
    spoil(own_keyset)
    assert unseal(sealed, PLACE) == b"secret"
    with pytest.raises((KeysetMissing, KeysetMalformed)):
        seal(b"secret", PLACE)
    own_keyset.write_bytes(whole)
    assert unseal(seal(b"secret", PLACE), PLACE) == b"secret"


def test_a_guarded_keyset_seals_and_opens(
    own_keyset: Path, kms_uri: str, other_kms_uri: str, settings: Settings
) -> None:
    settings.KEYSET_KMS_URI = kms_uri
    own_keyset.unlink()
    create_keyset(own_keyset)
    assert unseal(seal(b"secret", PLACE), PLACE) == b"secret"
    settings.KEYSET_KMS_URI = other_kms_uri
    with pytest.raises(KmsRefused):
        seal(b"secret", PLACE)


def test_a_service_that_refuses_is_not_asked_at_every_call(
    own_keyset: Path,
    other_kms_uri: str,
    kms_uri: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.KEYSET_KMS_URI = kms_uri
    own_keyset.unlink()
    create_keyset(own_keyset)
    settings.KEYSET_KMS_URI = other_kms_uri
    with pytest.raises(KmsRefused) as first:
        seal(b"secret", PLACE)
    with pytest.raises(KmsRefused) as second:
        seal(b"secret", PLACE)
    assert second.value is first.value
    monkeypatch.setattr(sealing, "ASK_AGAIN_AFTER_S", 0.0)
    with pytest.raises(KmsRefused) as third:
        seal(b"secret", PLACE)
    assert third.value is not first.value


def test_a_rotation_of_a_guarded_keyset(own_keyset: Path, kms_uri: str, settings: Settings) -> None:
    settings.KEYSET_KMS_URI = kms_uri
    own_keyset.unlink()
    create_keyset(own_keyset)
    sealed = seal(b"secret", PLACE)
    promote(add_key())
    assert primary_of(current().handle) != key_id_of(sealed)
    assert unseal(sealed, PLACE) == b"secret"
