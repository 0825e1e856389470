"""The JSON key file of a service account.

Checking an RSA key costs 30 ms and holds the interpreter lock, so that a thread does not help. It
is done where a key is stored (`validate_service_account_info`), and skipped afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from live.errors import CredentialError, Diagnosis
from live.token_endpoint import may_be_asked

_KEY_FILE_BYTES = 64 * 1024
_REQUIRED = ("project_id", "private_key_id", "private_key", "client_email", "token_uri")
_OPTIONAL = ("type", "client_id", "auth_uri", "universe_domain")


def validate_service_account_info(
    raw: str | bytes, *, token_uris: Collection[str] | None = None
) -> dict[str, str]:
    """Check the JSON key file of a service account, and return its known fields.

    Takes 30 ms of the interpreter: for the moment at which a key is stored. Every token is asked
    from the file's `token_uri`; where strangers may upload files, `token_uris` names the ones that
    are allowed. Without it any https address will do, and http on loopback.

    Raises `CredentialError` that names what is wrong.
    """
    fields = fields_of(_parse_key_file(raw))
    if not may_be_asked(fields["token_uri"], token_uris):
        raise _bad_file("The field token_uri names an address that is not allowed.")
    load_key(fields["private_key"], check=True)
    return fields


def _parse_key_file(raw: str | bytes) -> Mapping[str, Any]:
    if len(raw) > _KEY_FILE_BYTES:
        raise _bad_file("The file is too big for a key file.")
    try:
        info = json.loads(raw)
    except (ValueError, RecursionError):
        raise _bad_file("The file is no JSON.") from None
    if not isinstance(info, dict):
        raise _bad_file("The file holds no JSON object.")
    if info.get("type") != "service_account":
        raise _bad_file("The file is no service account's: its type is another one.")
    return info


def fields_of(info: Mapping[str, Any]) -> dict[str, str]:
    for name in _REQUIRED:
        value = info.get(name)
        if not isinstance(value, str) or not value.strip():
            raise _bad_file(f"The field {name} is missing.")
    known = (*_REQUIRED, *_OPTIONAL)
    return {name: info[name] for name in known if isinstance(info.get(name), str)}


def load_key(pem: str, *, check: bool) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(
            pem.encode(), password=None, unsafe_skip_rsa_key_validation=not check
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        summary = "The field private_key is no valid PEM key."
        if "\\n" in pem:
            summary += " Its line breaks came as a backslash and an n."
        raise _bad_file(summary) from None
    if not isinstance(key, RSAPrivateKey):
        raise _bad_file("The field private_key is no RSA key.")
    return key


def _bad_file(summary: str) -> CredentialError:
    return CredentialError(
        Diagnosis("key_file_invalid", summary, "Upload the JSON key file as Google made it.")
    )
