"""A handle names its conversation, and cannot be made up."""

import uuid

import pytest
from pytest_django.fixtures import Settings

from conversations.dropin.handles import conversation_of, handle_of

ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_a_handle_leads_back() -> None:
    assert conversation_of(handle_of(ID)) == ID
    assert handle_of(ID) == handle_of(ID)


@pytest.mark.parametrize("text", ["", "x", str(ID), f"{ID.hex}:x", "a:b:c", "\0"])
def test_what_is_none_of_ours_leads_nowhere(text: str) -> None:
    assert conversation_of(text) is None


def test_it_outlives_a_change_of_the_secret_key(settings: Settings) -> None:
    handle, old = handle_of(ID), settings.SECRET_KEY
    settings.SECRET_KEY = "another" * 8
    settings.SECRET_KEY_FALLBACKS = []
    assert conversation_of(handle) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert conversation_of(handle) == ID
