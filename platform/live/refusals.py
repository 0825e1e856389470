"""What it means when an OAuth token endpoint gives no token.

Source: RFC 6749 section 5.2; the texts are those that Google's endpoint is known to send.
"""

from __future__ import annotations

from dataclasses import dataclass

import google.auth.exceptions

from live.errors import CredentialError, Diagnosis

UNREACHABLE = Diagnosis(
    "token_endpoint_unreachable",
    "The token endpoint cannot be reached.",
    "Check name resolution, certificates and the network between this server and the endpoint.",
    permanent=False,
    retry_after=5.0,
)
UNAVAILABLE = Diagnosis(
    "token_endpoint_unavailable",
    "The token endpoint failed.",
    "Try again later.",
    permanent=False,
    retry_after=5.0,
)
ANSWER_MALFORMED = Diagnosis(
    "token_answer_malformed",
    "The token endpoint's answer holds no usable token.",
    "Check the token_uri of the credential.",
)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What the refusals of one kind of grant mean.

    The words are looked for in the OAuth error, its subtype and its description; the first row
    that fits is taken.
    """

    rows: tuple[tuple[tuple[str, ...], Diagnosis], ...]
    otherwise: Diagnosis

    def error(self, answer: object) -> CredentialError:
        """What an answer means that is no success; only its OAuth error is ever shown."""
        name = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(name, str):
            return CredentialError(ANSWER_MALFORMED)
        parts = (name, answer.get("error_subtype", ""), answer.get("error_description", ""))
        said = " ".join(map(str, parts)).casefold()
        for words, diagnosis in self.rows:
            if any(word in said for word in words):
                return CredentialError(diagnosis, reason=name)
        return CredentialError(self.otherwise, reason=name)


SERVICE_ACCOUNT_REFUSALS = Refusals(
    rows=(
        (
            ("reasonable timeframe", "check your iat", "not yet valid"),
            Diagnosis(
                "clock_skew",
                "The token endpoint says that this server's clock is wrong.",
                "Set the clock by NTP.",
                permanent=False,
                retry_after=60.0,
            ),
        ),
        (
            ("signature",),
            Diagnosis(
                "key_revoked",
                "The token endpoint does not know the key: it was deleted or disabled.",
                "Create a new key for the service account and store it in the credential.",
            ),
        ),
        (
            ("account not found", "account_deleted", "disabled_client"),
            Diagnosis(
                "account_unknown",
                "The service account does not exist or is disabled.",
                "Enable it, or use another one.",
            ),
        ),
        (
            ("invalid_scope", "unauthorized_client"),
            Diagnosis(
                "scope_refused",
                "The service account may not have the scopes.",
                "Use an endpoint that the account is meant for.",
            ),
        ),
    ),
    otherwise=Diagnosis(
        "grant_refused",
        "The token endpoint refused the service account.",
        "Check that the account and its key exist and are enabled.",
    ),
)

USER_REFUSALS = Refusals(
    rows=(
        (
            ("invalid_rapt", "rapt_required"),  # a reauthentication proof token
            Diagnosis(
                "sign_in_again",
                "The user's organisation asks for a new sign-in from time to time.",
                "Sign in again; a service account needs no sign-in.",
            ),
        ),
        (
            ("redirect_uri_mismatch",),
            Diagnosis(
                "client_refused",
                "The OAuth client is not one for desktop apps.",
                "Create an OAuth client of the type desktop app, and use that.",
            ),
        ),
        (
            ("invalid_client", "unauthorized_client", "deleted_client", "disabled_client"),
            Diagnosis(
                "client_refused",
                "The token endpoint does not accept the OAuth client or its secret.",
                "Check both in the Google Cloud console, then sign in again.",
            ),
        ),
        (
            ("invalid_scope",),
            Diagnosis(
                "scope_refused",
                "The sign-in does not cover the scopes.",
                "Sign in again and allow all that is asked for.",
            ),
        ),
        (
            ("invalid_grant",),
            Diagnosis(
                "sign_in_again",
                "The sign-in holds no longer: it was revoked or has expired, or the user's "
                "password has changed.",
                "Sign in again. While the consent screen is in testing, a sign-in lasts 7 days.",
            ),
        ),
    ),
    otherwise=Diagnosis(
        "grant_refused",
        "The token endpoint refused the sign-in.",
        "Sign in again.",
    ),
)


def grant_error(error: google.auth.exceptions.RefreshError) -> CredentialError:
    """What the endpoint's refusal of a service account means, as google-auth raises it.

    The endpoint's answer is the error's second argument.
    """
    if error.retryable:
        return CredentialError(UNAVAILABLE)
    return SERVICE_ACCOUNT_REFUSALS.error(error.args[1] if len(error.args) > 1 else None)
