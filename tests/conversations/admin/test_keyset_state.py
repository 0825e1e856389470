from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from conversations.admin.keyset_state import keyset_state


def test_the_keys_of_a_keyset(keyset_file: Path) -> None:
    state = keyset_state()
    assert state.ok
    assert [str(key.state) for key in state.keys] == ["primary"]


def test_a_keyset_that_is_missing(tmp_path: Path, settings: Settings) -> None:
    settings.KEYSET_FILE = str(tmp_path / "none.json")
    state = keyset_state()
    assert (state.ok, state.keys) == (False, ())
    assert "keyset" in state.text.lower()


@pytest.mark.parametrize("text", ["", "{}", "canary"])
def test_a_file_that_is_none(tmp_path: Path, settings: Settings, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    settings.KEYSET_FILE = str(path)
    state = keyset_state()
    assert not state.ok
    assert "canary" not in state.text
