"""A credential is found wherever an official SDK puts it."""

import pytest

from conversations.dropin.credentials import presented

PLACES = [
    ("key=K", {}, ("K",), True),
    ("", {"x-goog-api-key": "K"}, ("K",), True),
    ("access_token=T", {}, ("T",), False),
    ("", {"authorization": "Bearer T"}, ("T",), False),
    ("", {"authorization": "bearer  T "}, ("T",), False),
    ("", {"authorization": "Token auth_tokens/t", "x-goog-api-key": "auth_tokens/t"},
     ("auth_tokens/t",), False),
    ("key=auth_tokens/t", {}, ("auth_tokens/t",), False),
    ("key=dummy", {"authorization": "Bearer T"}, ("T", "dummy"), False),
    ("", {"authorization": "Basic abc"}, (), True),
    ("", {}, (), True),
]  # fmt: skip


@pytest.mark.parametrize(("query", "headers", "texts", "as_key"), PLACES)
def test_places(
    query: str, headers: dict[str, str], texts: tuple[str, ...], *, as_key: bool
) -> None:
    shown = presented(query, headers)
    assert shown.texts == texts
    assert shown.as_key == as_key


def test_no_credential_is_in_a_repr() -> None:
    assert "secret" not in repr(presented("key=secret", {}))
