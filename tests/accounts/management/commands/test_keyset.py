from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.ids import uuid7
from accounts.keyset import Binding, seal, unseal


def test_create(tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.KEYSET_FILE = str(tmp_path / "keyset.json")
    call_command("keyset", "create")
    assert "Back it up" in capsys.readouterr().out
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
