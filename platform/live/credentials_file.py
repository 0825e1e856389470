"""The JSON files that Google's tools write credentials to: which kind one is.

Source: google.aip.dev/auth/4110 and the kinds that google-auth knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from live.errors import CredentialError, Diagnosis

_FILE_BYTES = 64 * 1024
_KIND = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)


def parse_credentials_file(raw: str | bytes) -> tuple[str, dict[str, Any]]:
    """The kind of a credentials file (`service_account`, `authorized_user`, …), and its content.

    Raises `CredentialError` that says why it is no such file, and quotes nothing of it.
    """
    if len(raw) > _FILE_BYTES:
        raise bad_file("The file is too big for a credentials file.")
    try:
        info = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_file("The file is no JSON.") from None
    if not isinstance(info, dict):
        raise bad_file("The file holds no JSON object.")
    kind = info.get("type")
    # What does not look like a kind may be anything, and is not repeated in an error.
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise bad_file("The file does not say its type.")
    return kind, info


def text_field(info: Mapping[str, Any], name: str) -> str:
    """A field that must be there. Raises `CredentialError` that names it."""
    value = info.get(name)
    if not isinstance(value, str) or not value.strip():
        raise bad_file(f"The field {name} is missing.")
    return value


def bad_file(summary: str) -> CredentialError:
    return CredentialError(
        Diagnosis(
            "credentials_file_invalid", summary, "Use the JSON file as Google's tools made it."
        )
    )


def unsupported_kind(kind: str) -> CredentialError:
    """For a file of a kind that `parse_credentials_file` names and this library cannot use."""
    return CredentialError(
        Diagnosis(
            "credentials_kind_unsupported",
            f"Credentials of the kind {kind} cannot be used here.",
            "Use a service account's key file, sign in with `gcloud auth application-default "
            "login`, or set GEMINI_OAUTH_TOKEN to an access token made elsewhere.",
        )
    )
