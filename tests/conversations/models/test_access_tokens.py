"""What may be done with a token, as its row tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations.models import AccessToken, Conversation, TokenState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)


def token(**fields: Any) -> AccessToken:
    usual = {"expires_at": SOON, "new_session_expires_at": SOON, "prefix": "0123456789ab"}
    return AccessToken(last_four="wxyz", **{**usual, **fields})


@pytest.mark.parametrize(
    ("fields", "state", "goes_on"),
    [
        ({}, TokenState.ACTIVE, True),
        ({"uses": 0, "used": 9}, TokenState.ACTIVE, True),
        ({"uses": 2, "used": 2}, TokenState.USED_UP, True),
        ({"new_session_expires_at": NOW}, TokenState.CLOSED, True),
        ({"expires_at": NOW, "used": 1}, TokenState.EXPIRED, False),
        ({"revoked_at": NOW, "expires_at": NOW}, TokenState.REVOKED, False),
    ],
)
def test_its_state(fields: dict[str, Any], state: TokenState, goes_on: bool) -> None:
    assert token(**fields).state_at(NOW) == state
    assert token(**fields).is_valid(NOW) is goes_on


def test_what_is_shown_of_it() -> None:
    assert token().text_shown == "auth_tokens/prl_0123456789ab_…wxyz"
    assert str(token()) == "prl_0123456789ab"
    google = token(kind=AccessToken.Kind.GOOGLE, prefix="")
    assert google.text_shown == str(google) == "Google's"


def test_who_a_conversation_is_held_with() -> None:
    assert Conversation(end_user="u-17", end_user_name="Ada").person == "Ada"
    assert Conversation(end_user="u-17").person == "u-17"
    assert Conversation().person == ""
