"""The credential that environment variables name, in the order of the official SDKs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from live.adc import QUOTA_PROJECT_VARIABLE, application_default
from live.auth import (
    DEVELOPER_SCOPES,
    EPHEMERAL_PREFIX,
    VERTEX_SCOPES,
    ApiKeyAuth,
    Auth,
    BearerTokenAuth,
    EphemeralTokenAuth,
)
from live.endpoint import Endpoint
from live.errors import CredentialError, Diagnosis

TOKEN_VARIABLE = "GEMINI_OAUTH_TOKEN"  # noqa: S105 - the name of a variable
KEY_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY")  # the first one that is set counts


def auth_from_environment(
    environ: Mapping[str, str],
    home: Path,
    endpoint: Endpoint,
    *,
    key_beside_token: bool = False,
    clock: Callable[[], float] = time.time,
) -> Auth:
    """The credential for an endpoint that an environment names; an empty variable is none.

    GEMINI_OAUTH_TOKEN, an access token that somebody else replaces, goes first;
    `key_beside_token` sends the API key with it, for the previews that want both. Then, on the
    Developer API, GOOGLE_API_KEY or GEMINI_API_KEY, which may hold an ephemeral token too. Then
    application default credentials, with GOOGLE_CLOUD_QUOTA_PROJECT. Blocks as
    `application_default` does.

    Raises `CredentialError` that says what to set, or what is wrong with what is set.
    """
    key = next(filter(None, map(environ.get, KEY_VARIABLES)), None)
    if token := environ.get(TOKEN_VARIABLE):
        quota_project = environ.get(QUOTA_PROJECT_VARIABLE)
        beside = key if key_beside_token else None
        return BearerTokenAuth(token, beside, quota_project=quota_project)
    if key and not endpoint.is_vertex:
        return EphemeralTokenAuth(key) if key.startswith(EPHEMERAL_PREFIX) else ApiKeyAuth(key)
    return _application_default(environ, home, endpoint, clock)


def _application_default(
    environ: Mapping[str, str], home: Path, endpoint: Endpoint, clock: Callable[[], float]
) -> Auth:
    scopes = VERTEX_SCOPES if endpoint.is_vertex else DEVELOPER_SCOPES
    try:
        return application_default(environ, home, scopes=scopes, clock=clock)
    except CredentialError as error:
        if error.code != "credentials_missing":
            raise
        raise CredentialError(_NOTHING_FOR_VERTEX if endpoint.is_vertex else _NOTHING) from None


_NOTHING = Diagnosis(
    "credentials_missing",
    "The environment names no credential for the Gemini API.",
    "Set GEMINI_API_KEY to an API key, or GEMINI_OAUTH_TOKEN to an access token, or "
    "GOOGLE_APPLICATION_CREDENTIALS to a service account's key file.",
)
_NOTHING_FOR_VERTEX = Diagnosis(
    "credentials_missing",
    "The environment names no credential for Vertex AI, which takes no API key.",
    "Set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file, or run `gcloud auth "
    "application-default login`, or set GEMINI_OAUTH_TOKEN to an access token.",
)
