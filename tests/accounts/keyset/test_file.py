import json
import os
import tempfile
import threading
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings
from tink import aead

from accounts.keyset import (
    KeysetBusy,
    KeysetExists,
    KeysetMalformed,
    KeysetMissing,
    KeysetNotOurs,
    KeysetUnreadable,
    KmsRefused,
    create_keyset,
)
from accounts.keyset.file import editing, is_encrypted, keyset_path, parse, read, serialize
from accounts.keyset.keys import keys_of, new_keyset, with_new_key

NOBODY = 65534
KEY_MATERIAL = '"value"'


def add_key() -> None:
    with editing() as file:
        file.replace(with_new_key(file.handle, taken=())[0])


def test_the_file_is_for_its_owner_alone(own_keyset: Path) -> None:
    assert own_keyset.stat().st_mode & 0o777 == 0o600
    add_key()
    assert own_keyset.stat().st_mode & 0o777 == 0o600


def test_a_group_that_may_read_still_may(own_keyset: Path) -> None:
    own_keyset.chmod(0o646)
    add_key()
    assert own_keyset.stat().st_mode & 0o777 == 0o640


def test_an_existing_file_is_left_alone(own_keyset: Path) -> None:
    before = own_keyset.read_bytes()
    with pytest.raises(KeysetExists):
        create_keyset(own_keyset)
    assert own_keyset.read_bytes() == before


def test_the_file_is_replaced_and_never_changed(own_keyset: Path) -> None:
    with own_keyset.open("rb") as held:
        before = own_keyset.read_bytes()
        add_key()
        assert held.read() == before
    assert own_keyset.read_bytes() != before
    assert len(keys_of(parse(read(own_keyset), ""))) == 2
    assert sorted(path.name for path in own_keyset.parent.iterdir()) == [
        "keyset.json",
        "keyset.json.lock",
    ]


def test_what_a_killed_command_left_is_cleared_away(own_keyset: Path) -> None:
    leftover = own_keyset.with_name("keyset.json.new")
    leftover.write_text("half a k")
    leftover.chmod(0o644)
    add_key()
    assert len(keys_of(parse(read(own_keyset), ""))) == 2
    assert own_keyset.stat().st_mode & 0o777 == 0o600
    assert not leftover.exists()


def test_a_keyset_that_cannot_be_written_leaves_the_file_alone(
    own_keyset: Path, settings: Settings
) -> None:
    before = own_keyset.read_bytes()
    settings.KEYSET_KMS_URI = "vault://nowhere"
    with pytest.raises(KeysetUnreadable), editing(kms_uri="") as file:
        file.replace(with_new_key(file.handle, taken=())[0])
    assert own_keyset.read_bytes() == before
    assert not own_keyset.with_name("keyset.json.new").exists()


def test_a_link_stays_a_link(own_keyset: Path, settings: Settings) -> None:
    link = own_keyset.with_name("link.json")
    link.symlink_to(own_keyset.name)
    settings.KEYSET_FILE = str(link)
    assert keyset_path() == own_keyset
    add_key()
    assert link.is_symlink()
    assert len(keys_of(parse(read(own_keyset), ""))) == 2


def test_only_one_may_change_it(own_keyset: Path) -> None:
    with editing(), pytest.raises(KeysetBusy), editing():
        pytest.fail("two at once")
    with editing() as file:
        assert file.path == own_keyset


def test_many_at_once_lose_nothing(own_keyset: Path) -> None:
    added = threading.Semaphore(0)

    def add_until_done() -> None:
        while True:
            try:
                add_key()
            except KeysetBusy:
                continue
            added.release()
            return

    threads = [threading.Thread(target=add_until_done) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert added.acquire(timeout=1)
    assert len(keys_of(parse(read(own_keyset), ""))) == 9


def test_a_file_that_is_not_there(tmp_path: Path, settings: Settings) -> None:
    settings.KEYSET_FILE = str(tmp_path / "none.json")
    with pytest.raises(KeysetMissing, match="No such file"):
        read(keyset_path())
    with pytest.raises(KeysetMissing), editing():
        pytest.fail("nothing to change")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read(own_keyset: Path) -> None:
    own_keyset.unlink()
    own_keyset.mkdir()
    with pytest.raises(KeysetUnreadable, match="Is a directory") as raised:
        read(own_keyset)
    assert not isinstance(raised.value, KeysetMissing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_new_file_has_the_owner_of_the_old_one(own_keyset: Path) -> None:
    os.chown(own_keyset, 12345, 54321)
    add_key()
    assert (own_keyset.stat().st_uid, own_keyset.stat().st_gid) == (12345, 54321)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_file_is_not_taken_from_its_owner(settings: Settings) -> None:
    """Its owner, a server that is running, could not read the new one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keyset.json"
        create_keyset(path)
        before = path.read_bytes()
        settings.KEYSET_FILE = str(path)
        os.chown(path.with_name("keyset.json.lock"), NOBODY, NOBODY)
        os.chown(folder, NOBODY, NOBODY)
        path.chmod(0o644)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(KeysetNotOurs):
                add_key()
        finally:
            os.seteuid(0)
        assert path.read_bytes() == before
        assert not path.with_name("keyset.json.new").exists()


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"canary": 1}', "\xff"])
@pytest.mark.parametrize("guarded", [False, True])
def test_a_file_that_is_no_keyset(content: str, guarded: bool, kms_uri: str) -> None:
    with pytest.raises(KeysetMalformed, match="no Tink AEAD keyset") as raised:
        parse(content.encode("latin-1"), kms_uri if guarded else "")
    assert "canary" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_guarded_file_holds_no_key_in_clear(kms_uri: str) -> None:
    handle = new_keyset()
    assert KEY_MATERIAL in serialize(handle, "").decode()
    content = serialize(handle, kms_uri)
    assert KEY_MATERIAL not in content.decode()
    assert set(json.loads(content)) == {"encryptedKeyset", "keysetInfo"}
    sealed = handle.primitive(aead.Aead).encrypt(b"x", b"")
    assert parse(content, kms_uri).primitive(aead.Aead).decrypt(sealed, b"") == b"x"


def test_the_wrong_guard_is_named(kms_uri: str, other_kms_uri: str) -> None:
    guarded = serialize(new_keyset(), kms_uri)
    with pytest.raises(KmsRefused):
        parse(guarded, other_kms_uri)
    with pytest.raises(KeysetMalformed, match="is encrypted") as raised:
        parse(guarded, "")
    assert "Set KEYSET_KMS_URI" in raised.value.fix


def test_a_file_in_the_clear_is_read_by_processes_that_know_the_service_already(
    kms_uri: str,
) -> None:
    handle = new_keyset()
    assert keys_of(parse(serialize(handle, ""), kms_uri)) == keys_of(handle)
    assert is_encrypted(serialize(handle, kms_uri))
    assert not is_encrypted(serialize(handle, ""))
