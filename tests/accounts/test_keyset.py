import json
import os
from pathlib import Path

import pytest
import tink
from pytest_django.fixtures import Settings
from tink import aead, json_proto_keyset_format, secret_key_access

from accounts.ids import uuid7
from accounts.keyset import (
    Binding,
    KeysetExists,
    KeysetUnreadable,
    Unsealable,
    create_keyset,
    seal,
    unseal,
)

PLACE = Binding(uuid7(), uuid7(), "secret")


@pytest.fixture(autouse=True)
def keyset(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "keys" / "keyset.json"
    create_keyset(path)
    settings.KEYSET_FILE = str(path)
    return path


def test_opens_at_its_place() -> None:
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
def test_does_not_open_elsewhere(moved: Binding) -> None:
    with pytest.raises(Unsealable):
        unseal(seal(b"secret", PLACE), moved)


def test_does_not_open_when_changed_or_cut() -> None:
    sealed = seal(b"secret", PLACE)
    for changed in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"secret"):
        with pytest.raises(Unsealable) as raised:
            unseal(changed, PLACE)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


def test_the_ciphertext_names_its_key(keyset: Path) -> None:
    primary = json.loads(keyset.read_text())["primaryKeyId"]
    # Tink's prefix: version 1, then the key id, big-endian.
    assert seal(b"secret", PLACE)[:5] == b"\x01" + primary.to_bytes(4, "big")


def test_older_keys_of_the_keyset_still_open(keyset: Path) -> None:
    sealed = seal(b"secret", PLACE)
    both = json.loads(keyset.read_text())
    newer = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    added = json.loads(json_proto_keyset_format.serialize(newer, secret_key_access.TOKEN))
    both["key"] += added["key"]
    both["primaryKeyId"] = added["primaryKeyId"]
    keyset.write_text(json.dumps(both))
    os.utime(keyset, ns=(1, 1))
    assert unseal(sealed, PLACE) == b"secret"
    assert seal(b"secret", PLACE)[1:5] == added["primaryKeyId"].to_bytes(4, "big")


def test_another_keyset_does_not_open(keyset: Path) -> None:
    sealed = seal(b"secret", PLACE)
    keyset.unlink()
    create_keyset(keyset)
    os.utime(keyset, ns=(2, 2))
    with pytest.raises(Unsealable):
        unseal(sealed, PLACE)


def test_the_file_is_for_its_owner_alone(keyset: Path) -> None:
    assert keyset.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_left_alone(keyset: Path) -> None:
    before = keyset.read_bytes()
    with pytest.raises(KeysetExists):
        create_keyset(keyset)
    assert keyset.read_bytes() == before


def test_a_missing_keyset(keyset: Path) -> None:
    keyset.unlink()
    with pytest.raises(KeysetUnreadable, match="No such file"):
        seal(b"secret", PLACE)


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"canary": 1}', "\xff"])
def test_a_file_that_is_no_keyset(keyset: Path, text: str) -> None:
    keyset.write_text(text, encoding="latin-1")
    os.utime(keyset, ns=(3, 3))
    with pytest.raises(KeysetUnreadable) as raised:
        seal(b"secret", PLACE)
    assert "canary" not in str(raised.value)
