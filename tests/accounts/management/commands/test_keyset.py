import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.ids import uuid7
from accounts.keyset import Binding, create_keyset, seal, unseal
from accounts.keyset.file import editing, parse, read
from accounts.keyset.keys import keys_of, primary_of
from accounts.models import Credential
from accounts.tenancy import platform_scope
from tests.accounts.sealed_rows import CREDENTIALS, make_credentials, make_handles
from tests.cast import Cast


@pytest.fixture
def says(capsys: pytest.CaptureFixture[str]) -> "Says":
    return Says(capsys)


class Says:
    """Runs the command and returns what it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        call_command("keyset", *arguments)
        return self._capsys.readouterr().out


def states(path: Path) -> list[str]:
    return [key.state.value for key in keys_of(parse(read(path), ""))]


def primary(path: Path) -> int:
    return primary_of(parse(read(path), ""))


def test_create(tmp_path: Path, settings: Settings, says: Says) -> None:
    settings.KEYSET_FILE = str(tmp_path / "keyset.json")
    assert "Back it up" in says("create")
    place = Binding(uuid7(), uuid7(), "secret")
    assert unseal(seal(b"secret", place), place) == b"secret"


def test_create_leaves_a_keyset_alone(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "keyset.json"
    path.write_text("precious")
    settings.KEYSET_FILE = str(path)
    with pytest.raises(CommandError, match="already"):
        call_command("keyset", "create")
    assert path.read_text() == "precious"


def test_create_where_nothing_can_be_written(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").write_text("")
    settings.KEYSET_FILE = str(tmp_path / "file" / "keyset.json")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("keyset", "create")


def test_an_action_is_needed() -> None:
    with pytest.raises(CommandError):
        call_command("keyset")


def test_status_of_a_new_installation(cast: Cast, own_keyset: Path, says: Says) -> None:
    assert says("status").splitlines() == [
        f"{own_keyset} (in the clear)",
        f"key {primary(own_keyset)}: primary, created unknown, 0 rows sealed",
    ]


def test_status_counts_by_key_and_place(cast: Cast, own_keyset: Path, says: Says) -> None:
    make_credentials(cast.acme.tenant, 2)
    old = primary(own_keyset)
    says("rotate", "--add-only")
    says("promote")
    make_handles(cast.acme.tenant, 1)
    ours, theirs = make_credentials(cast.globex.tenant, 2)
    with platform_scope("test"):
        Credential.objects.filter(pk=theirs.pk).update(sealed_secret=ours.sealed_secret)
    text = says("status")
    assert f"key {old}: old, created unknown, 2 rows sealed\n    {CREDENTIALS}: 2\n" in text
    assert f"key {primary(own_keyset)}: primary, created 20" in text
    assert "    conversations.Lease.sealed_handle: 1\n" in text
    assert f"1 rows of {CREDENTIALS} do not open: changed, moved, or never sealed" in text
    assert "`keyset rotate` re-seals, `keyset retire` ends it" in text
    assert "canary" not in text


def test_status_names_a_key_that_is_lost(cast: Cast, own_keyset: Path, says: Says) -> None:
    make_credentials(cast.acme.tenant, 2)
    lost = primary(own_keyset)
    own_keyset.unlink()
    create_keyset(own_keyset)
    text = says("status")
    assert f"2 rows of {CREDENTIALS} do not open: key {lost} is not in this file" in text


def test_a_rotation_from_beginning_to_end(cast: Cast, own_keyset: Path, says: Says) -> None:
    make_credentials(cast.acme.tenant, 5)
    old = primary(own_keyset)
    text = says("rotate", "--batch-size", "2")
    assert f"Key {primary(own_keyset)} is primary: it seals from now on." in text
    assert f"{CREDENTIALS}: 2 re-sealed\n{CREDENTIALS}: 4 re-sealed\n" in text
    assert "Back up the keyset file now. `keyset status`" in text
    with pytest.raises(CommandError, match="or add --at-once"):
        says("retire")
    assert f"Key {old} is disabled." in says("retire", "--at-once")
    os.utime(own_keyset, (0, 0))
    assert f"Key {old} is deleted." in says("retire", "--delete")
    assert states(own_keyset) == ["primary"]


def test_reseal(cast: Cast, own_keyset: Path, says: Says) -> None:
    ours, theirs = make_credentials(cast.acme.tenant, 2)
    with platform_scope("test"):
        Credential.objects.filter(pk=theirs.pk).update(sealed_secret=ours.sealed_secret)
    says("rotate", "--add-only")
    says("promote")
    text = says("reseal")
    assert "Re-sealed 1 rows.\n1 rows do not open: see `keyset status`." in text


def test_a_second_operator_is_told_to_wait(cast: Cast, own_keyset: Path) -> None:
    with editing(), pytest.raises(CommandError, match="Another keyset command is running"):
        call_command("keyset", "rotate")


@pytest.mark.parametrize("action", ["status", "rotate", "promote", "retire", "rewrap"])
def test_without_a_keyset_every_action_says_so(
    cast: Cast, tmp_path: Path, settings: Settings, action: str
) -> None:
    settings.KEYSET_FILE = str(tmp_path / "none.json")
    with pytest.raises(CommandError, match="keyset create"):
        call_command("keyset", action)


def test_moving_into_a_service(
    cast: Cast, own_keyset: Path, kms_uri: str, settings: Settings, says: Says
) -> None:
    make_credentials(cast.acme.tenant, 1)
    settings.KEYSET_KMS_URI = kms_uri
    assert "(in the clear)\nKEYSET_KMS_URI is set: `keyset rewrap`" in says("status")
    assert "written anew" in says("rewrap")
    text = says("status")
    assert "(encrypted by KEYSET_KMS_URI)" in text
    assert "1 rows sealed" in text
    says("rotate")
    assert "encryptedKeyset" in own_keyset.read_text()
    settings.KEYSET_KMS_URI = ""
    says("rewrap", "--from", kms_uri)
    assert states(own_keyset) == ["old", "primary"]


def test_a_service_without_its_library(cast: Cast, own_keyset: Path, settings: Settings) -> None:
    settings.KEYSET_KMS_URI = "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k"
    before = own_keyset.read_bytes()
    with pytest.raises(CommandError, match=r"pip install 'tink\[gcpkms\]'"):
        call_command("keyset", "rewrap")
    assert own_keyset.read_bytes() == before


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_a_batch_has_rows(size: str) -> None:
    with pytest.raises(CommandError, match="batch-size"):
        call_command("keyset", "reseal", "--batch-size", size)
