"""Application default credentials: what a machine or a user has set up for Google's libraries.

The order is Google's: the file that GOOGLE_APPLICATION_CREDENTIALS names, then the file that
`gcloud auth application-default login` writes. The metadata server of Google's own machines is
not asked: elsewhere that is a request to a stranger.

Source: cloud.google.com/docs/authentication/application-default-credentials; AIP-4110.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from live.auth import VERTEX_SCOPES, Auth, ServiceAccountAuth
from live.authorized_user import KIND as AUTHORIZED_USER
from live.authorized_user import AuthorizedUser, AuthorizedUserAuth
from live.credentials_file import parse_credentials_file, unsupported_kind
from live.errors import CredentialError, Diagnosis
from live.keyfile import validate_service_account_info

FILE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
QUOTA_PROJECT_VARIABLE = "GOOGLE_CLOUD_QUOTA_PROJECT"
_SERVICE_ACCOUNT = "service_account"
_FILE_NAME = "application_default_credentials.json"


def application_default(
    environ: Mapping[str, str],
    home: Path,
    *,
    scopes: Sequence[str] = VERTEX_SCOPES,
    quota_project: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Auth:
    """The application default credentials of an environment and a home directory.

    `scopes` are for a service account; those of a user were settled at the sign-in. The project
    that is billed is `quota_project`, else GOOGLE_CLOUD_QUOTA_PROJECT, else the file's own. Reads
    a file, and checks a service account's key for about 30 ms: call it once, at the start.

    Raises `CredentialError`: no file, an unreadable one, or one of a kind that is not supported.
    """
    kind, raw, info = _read(environ, home)
    quota_project = quota_project or environ.get(QUOTA_PROJECT_VARIABLE) or None
    if kind == _SERVICE_ACCOUNT:
        fields = validate_service_account_info(raw)
        billed = quota_project or info.get("quota_project_id")
        return ServiceAccountAuth.from_info(fields, scopes, quota_project=billed, clock=clock)
    if kind == AUTHORIZED_USER:
        user = AuthorizedUser.from_info(info)
        return AuthorizedUserAuth(user, quota_project=quota_project, clock=clock)
    raise unsupported_kind(kind)


def well_known_file(
    environ: Mapping[str, str], home: Path, *, windows: bool = os.name == "nt"
) -> Path:
    """Where the gcloud tool keeps the credentials; nothing need be there."""
    if chosen := environ.get("CLOUDSDK_CONFIG"):
        return Path(chosen) / _FILE_NAME
    if windows and (roaming := environ.get("APPDATA")):
        return Path(roaming) / "gcloud" / _FILE_NAME
    return home / ".config" / "gcloud" / _FILE_NAME


def _read(environ: Mapping[str, str], home: Path) -> tuple[str, bytes, dict[str, Any]]:
    named = environ.get(FILE_VARIABLE)
    path = Path(named) if named else well_known_file(environ, home)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise CredentialError(_NAMED_MISSING if named else NOTHING_SET_UP) from None
    except OSError:
        raise CredentialError(_UNREADABLE) from None
    kind, info = parse_credentials_file(raw)
    return kind, raw, info


NOTHING_SET_UP = Diagnosis(
    "credentials_missing",
    "No application default credentials are set up.",
    f"Set {FILE_VARIABLE} to a service account's key file, or run "
    "`gcloud auth application-default login`.",
)
_NAMED_MISSING = Diagnosis(
    "credentials_file_missing",
    f"The file that {FILE_VARIABLE} names does not exist.",
    "Correct the variable, or unset it.",
)
_UNREADABLE = Diagnosis(
    "credentials_file_unreadable",
    "The file with the application default credentials cannot be read.",
    "Let the user that this program runs as read the file.",
)
