import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from live.errors import CredentialError
from live.keyfile import load_key, validate_service_account_info
from tests.live.token_server import KEY, PRIVATE_PEM, key_file


def refusal(raw: str | bytes, **options: Any) -> str:
    with pytest.raises(CredentialError) as caught:
        validate_service_account_info(raw, **options)
    assert caught.value.code == "key_file_invalid"
    assert caught.value.__cause__ is None
    return str(caught.value)


def changed(**fields: Any) -> str:
    return json.dumps(key_file() | fields)


def test_a_good_file_comes_back_with_its_known_fields() -> None:
    raw = json.dumps(key_file() | {"something_new": "x"})
    assert validate_service_account_info(raw) == key_file()
    assert validate_service_account_info(raw.encode()) == key_file()


@pytest.mark.parametrize(
    "name", ["project_id", "private_key_id", "private_key", "client_email", "token_uri"]
)
@pytest.mark.parametrize("value", ["", "  ", None, 7])
def test_a_missing_field_is_named(name: str, value: object) -> None:
    assert name in refusal(changed(**{name: value}))


@pytest.mark.parametrize(
    "raw", ["", "{", b"\xff\xfe", "[]", "7", "[" * 100_000, "x" * 70_000, '{"type": 1}']
)
def test_what_is_no_key_file_is_refused(raw: str | bytes) -> None:
    assert refusal(raw)


def test_a_file_of_another_kind_says_so() -> None:
    assert "type" in refusal(changed(type="authorized_user"))


def test_the_key_must_be_a_key_and_no_text_shows_it() -> None:
    broken = PRIVATE_PEM.replace(PRIVATE_PEM[100:140], "A" * 40)
    for pem in ("no key", broken, PRIVATE_PEM[:-200]):
        text = refusal(changed(private_key=pem))
        assert "private_key" in text
        assert PRIVATE_PEM[200:220] not in text


def test_line_breaks_that_came_as_text_are_explained() -> None:
    assert "backslash" in refusal(changed(private_key=PRIVATE_PEM.replace("\n", "\\n")))


def test_other_kinds_of_keys_are_refused() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert "RSA" in refusal(changed(private_key=pem.decode()))
    locked = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    assert "private_key" in refusal(changed(private_key=locked.decode()))


@pytest.mark.parametrize(
    "uri",
    [
        "http://metadata.example/token",
        "http://169.254.169.254/token",
        "ftp://oauth2.googleapis.com/token",
        "https:///token",
        "token",
    ],
)
def test_a_token_uri_is_https_or_loopback(uri: str) -> None:
    assert "token_uri" in refusal(changed(token_uri=uri))


def test_a_token_uri_on_loopback_may_be_plain() -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        raw = changed(token_uri=f"http://{host}:8080/token")
        assert validate_service_account_info(raw)["token_uri"].startswith(f"http://{host}")


def test_an_allow_list_of_token_uris_holds() -> None:
    allowed = {"https://oauth2.googleapis.com/token"}
    assert validate_service_account_info(changed(), token_uris=allowed)
    elsewhere = changed(token_uri="https://internal.example/token")
    assert "token_uri" in refusal(elsewhere, token_uris=allowed)


def test_the_unchecked_key_is_the_same_key() -> None:
    key = load_key(PRIVATE_PEM, check=False)
    assert key.private_numbers() == KEY.private_numbers()
