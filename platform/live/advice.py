"""What a failure means for the credential that was tried: who has to do what, and where.

`live.errors` knows only what the service said. With the endpoint and the kind of credential the
advice can name the API to enable, the role to grant and the scopes to ask for. It is given for a
trial, in which nothing but the model was chosen and there is no session to resume.

Source: cloud.google.com/vertex-ai/docs/general/access-control for the role of the account, and
cloud.google.com/service-usage/docs/access-control for its role in the project that is billed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from live.auth import (
    DEVELOPER_SCOPES,
    VERTEX_SCOPES,
    ApiKeyAuth,
    Auth,
    BearerTokenAuth,
    EphemeralTokenAuth,
    RefreshingAuth,
    ServiceAccountAuth,
)
from live.endpoint import Endpoint
from live.errors import Diagnosis

__all__ = ["advice_on"]


def advice_on(diagnosis: Diagnosis, endpoint: Endpoint, auth: Auth) -> Diagnosis:
    """The diagnosis of a failed trial, with a summary and a fix for just this credential.

    Its other fields stay as they are. Holds no secret.
    """
    if advise := _ADVISERS.get(diagnosis.code):
        return advise(diagnosis, endpoint, auth)
    return diagnosis


_Adviser = Callable[[Diagnosis, Endpoint, Auth], Diagnosis]


def _fixed_by(fix: str) -> _Adviser:
    return lambda diagnosis, _endpoint, _auth: replace(diagnosis, fix=fix)


def _not_accepted(diagnosis: Diagnosis, _: Endpoint, auth: Auth) -> Diagnosis:
    for kind, summary, fix in _NOT_ACCEPTED:
        if isinstance(auth, kind):
            return replace(diagnosis, summary=summary, fix=fix)
    return diagnosis


_NOT_ACCEPTED: tuple[tuple[type[Auth], str, str], ...] = (
    (
        ApiKeyAuth,
        "The API key is not accepted.",
        "Create a key in Google AI Studio; it is for the Developer API.",
    ),
    (
        EphemeralTokenAuth,
        "The ephemeral token is not accepted: it has expired, or was never made.",
        "Mint a new token.",
    ),
    (
        BearerTokenAuth,
        "The access token is not accepted: it has expired, or is none of Google's.",
        "Get a new access token; one holds for an hour. A service account makes its own.",
    ),
    (
        RefreshingAuth,
        "The service does not accept the access token, which is new.",
        "Check that the credential's token_uri belongs to the base URL, and the account's state.",
    ),
)


def _lacks_scope(diagnosis: Diagnosis, endpoint: Endpoint, auth: Auth) -> Diagnosis:
    scopes = " and ".join(VERTEX_SCOPES if endpoint.is_vertex else DEVELOPER_SCOPES)
    if isinstance(auth, BearerTokenAuth):
        return replace(diagnosis, fix=f"Get an access token with {scopes}.")
    if isinstance(auth, ServiceAccountAuth):
        return replace(diagnosis, fix=f"Let the service account ask for {scopes}.")
    return replace(diagnosis, fix=f"Sign in again, and allow {scopes}.")


def _not_enabled(diagnosis: Diagnosis, endpoint: Endpoint, _: Auth) -> Diagnosis:
    place = f"project {endpoint.project}" if endpoint.project else "credential's project"
    fix = (
        f"Enable the {_api(endpoint)} in the {place}, in the Google Cloud console, then wait a "
        "few minutes."
    )
    return replace(diagnosis, fix=fix)


def _not_permitted(diagnosis: Diagnosis, endpoint: Endpoint, auth: Auth) -> Diagnosis:
    if isinstance(auth, ApiKeyAuth):
        steps = "and check that the key's restrictions let this server and the API through"
    elif endpoint.is_vertex:
        steps = f"and grant the account the role roles/aiplatform.user in {endpoint.project}"
    else:
        steps = (
            "and grant the account the role roles/serviceusage.serviceUsageConsumer in the "
            "project that is billed"
        )
    return replace(diagnosis, fix=f"Enable the {_api(endpoint)} in the project, {steps}.")


def _no_such_model(diagnosis: Diagnosis, endpoint: Endpoint, _: Auth) -> Diagnosis:
    if not endpoint.is_vertex:
        return diagnosis
    return replace(
        diagnosis,
        summary=f"Vertex AI does not have the model in {endpoint.location}.",
        fix="Choose a Live model and a location that go together.",
    )


def _wait(diagnosis: Diagnosis, _endpoint: Endpoint, _auth: Auth) -> Diagnosis:
    seconds = f"{diagnosis.retry_after or 60.0:.0f}"
    fix = f"Wait {seconds} s; if it goes on, close other sessions or raise the project's quota."
    return replace(diagnosis, fix=fix)


def _api(endpoint: Endpoint) -> str:
    if endpoint.is_vertex:
        return "Vertex AI API (aiplatform.googleapis.com)"
    return "Generative Language API (generativelanguage.googleapis.com)"


_TRY_AGAIN = _fixed_by(
    "Try again in a minute; if it goes on, the fault is the service's or the network's."
)
_OTHER_MODEL = _fixed_by("Choose another model: nothing else was asked for.")
_ADVISERS: dict[str, _Adviser] = {
    "token_invalid": _not_accepted,
    "scope_insufficient": _lacks_scope,
    "api_disabled": _not_enabled,
    "permission_denied": _not_permitted,
    "model_not_found": _no_such_model,
    "modality_unsupported": _fixed_by("Choose a model that answers in audio."),
    "feature_unsupported": _OTHER_MODEL,
    "invalid_argument": _OTHER_MODEL,
    "unknown_field": _fixed_by("Check the base URL and the version of the API."),
    "quota_exceeded": _wait,
    "rate_limited": _wait,
    "refused": _fixed_by("Choose another model, or check the credential."),
    "aborted": _TRY_AGAIN,
    "connection_lost": _TRY_AGAIN,
    "go_away_overstayed": _TRY_AGAIN,
    "internal": _TRY_AGAIN,
    "session_ended": _TRY_AGAIN,
    "unavailable": _TRY_AGAIN,
}
