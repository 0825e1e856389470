import json

import pytest

from live.credentials_file import parse_credentials_file, text_field, unsupported_kind
from live.errors import CredentialError


@pytest.mark.parametrize("kind", ["service_account", "authorized_user", "external_account"])
def test_a_file_says_its_kind(kind: str) -> None:
    info = {"type": kind, "x": 1}
    assert parse_credentials_file(json.dumps(info)) == (kind, info)
    assert parse_credentials_file(json.dumps(info).encode()) == (kind, info)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        b"\xff\xfe",
        "[]",
        "7",
        "{}",
        "[" * 60_000,
        "x" * 70_000,
        '{"type": 1}',
        '{"type": ""}',
        '{"type": "GOCSPX-Secret"}',
    ],
)
def test_what_is_no_credentials_file_is_refused_without_being_quoted(raw: str | bytes) -> None:
    with pytest.raises(CredentialError) as caught:
        parse_credentials_file(raw)
    assert caught.value.code == "credentials_file_invalid"
    assert caught.value.__cause__ is None
    assert "GOCSPX" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "  ", None, 7])
def test_a_missing_field_is_named(value: object) -> None:
    assert text_field({"client_id": "x"}, "client_id") == "x"
    with pytest.raises(CredentialError, match="client_id"):
        text_field({"client_id": value}, "client_id")


def test_a_kind_that_cannot_be_used_is_named_with_a_way_out() -> None:
    error = unsupported_kind("external_account")
    assert error.code == "credentials_kind_unsupported"
    assert "external_account" in str(error)
    assert "GEMINI_OAUTH_TOKEN" in error.fix
