"""Signing a user in by the authorisation-code flow with PKCE: everything but the waiting.

One `Authorization` is one try: the address that the user opens, the check of what comes back,
and the request that turns it into an `AuthorizedUser`. `live.loopback` runs it.

Google's device flow (RFC 8628) gives no token that the Gemini API or Vertex AI takes: the scopes
it allows are few, and theirs are not among them. On a machine without a browser, use
`live.loopback.sign_in_by_hand`.

Source: RFC 6749 section 4.1, RFC 7636, RFC 8252;
developers.google.com/identity/protocols/oauth2/native-app and …/limited-input-device.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from live.authorized_user import AuthorizedUser
from live.credentials_file import text_field
from live.errors import CredentialError, Diagnosis
from live.token_endpoint import GOOGLE_TOKEN_URI, may_be_asked

GOOGLE_AUTH_URI = "https://accounts.google.com/o/oauth2/v2/auth"
_ERROR_NAME = re.compile(r"[a-z_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The program as the authorisation server knows it, of the type desktop app."""

    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str = GOOGLE_AUTH_URI
    token_uri: str = GOOGLE_TOKEN_URI

    def __post_init__(self) -> None:
        if not may_be_asked(self.auth_uri) or not may_be_asked(self.token_uri):
            raise _client_malformed("Its auth_uri or token_uri is no address that may be used.")

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> OAuthClient:
        """From the JSON file that the Google Cloud console gives for a client.

        Raises `CredentialError` when it is a client of another type, or malformed.
        """
        installed = info.get("installed")
        if not isinstance(installed, dict):
            raise _client_malformed("The file describes no client for desktop apps.")
        return cls(
            client_id=text_field(installed, "client_id"),
            client_secret=text_field(installed, "client_secret"),
            auth_uri=str(installed.get("auth_uri", GOOGLE_AUTH_URI)),
            token_uri=str(installed.get("token_uri", GOOGLE_TOKEN_URI)),
        )


@dataclass(frozen=True, slots=True)
class Authorization:
    """One try to sign a user in. Use `begin` to make one, and use it once.

    `redirect_uri` is where the browser goes with the answer. `state` ties the answer to this try;
    `verifier` (RFC 7636 section 4.1) proves that who asks for the tokens also began it.
    """

    client: OAuthClient
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def begin(cls, client: OAuthClient, redirect_uri: str, scopes: Sequence[str]) -> Authorization:
        """With a fresh state and verifier of 256 and 384 random bits."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        return cls(client, redirect_uri, tuple(scopes), state, verifier)

    @property
    def url(self) -> str:
        """The address at which the user signs in. It holds no secret of ours but the state."""
        query = {
            "client_id": self.client.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge": _challenge(self.verifier),
            "code_challenge_method": "S256",
            # Without these two Google gives a refresh token at the first sign-in only.
            "access_type": "offline",
            "prompt": "consent",
        }
        joint = "&" if "?" in self.client.auth_uri else "?"
        return f"{self.client.auth_uri}{joint}{urlencode(query)}"

    def code_of(self, answer: str) -> str:
        """The code in the address that the browser was sent to, whole or without its host.

        Raises `CredentialError` when the answer is not for this try, or is a refusal.
        """
        query = _query_of(answer)
        state = query.get("state", "").encode(errors="replace")
        if not hmac.compare_digest(state, self.state.encode()):
            raise CredentialError(_STATE_MISMATCH)
        if "error" in query:
            raise _refusal(query["error"])
        if not query.get("code"):
            raise CredentialError(_NO_CODE)
        return query["code"]

    def exchange_form(self, code: str) -> dict[str, str]:
        """What the token endpoint wants for a code (RFC 6749 section 4.1.3). Holds secrets."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client.client_id,
            "client_secret": self.client.client_secret,
            "code_verifier": self.verifier,
        }

    def user_of(self, answer: Mapping[str, Any]) -> AuthorizedUser:
        """The user that the token endpoint's answer describes.

        Raises `CredentialError` when a scope was not granted, or the answer would not last.
        """
        granted = answer.get("scope")  # absent when all were granted (RFC 6749 section 5.1)
        if isinstance(granted, str) and not set(self.scopes) <= set(granted.split()):
            raise CredentialError(_SCOPE_NOT_GRANTED)
        refresh_token = answer.get("refresh_token")
        if not isinstance(refresh_token, str) or not refresh_token:
            raise CredentialError(_NO_REFRESH_TOKEN)
        client = self.client
        return AuthorizedUser(
            client.client_id, client.client_secret, refresh_token, client.token_uri
        )


def is_answer(target: str) -> bool:
    """Whether an address is the answer of an authorisation server, right or wrong."""
    return not {"code", "error"}.isdisjoint(_query_of(target))


def _query_of(address: str) -> dict[str, str]:
    try:
        query = parse_qs(urlsplit(address.strip()).query, max_num_fields=32)
    except ValueError:
        return {}
    return {name: values[0] for name, values in query.items()}


def _challenge(verifier: str) -> str:
    """RFC 7636 section 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


# -- What can be wrong ---------------------------------------------------------------------------

_AGAIN = "Start the sign-in again."
_STATE_MISMATCH = Diagnosis(
    "state_mismatch",
    "The answer does not belong to this sign-in: something else may have sent it.",
    _AGAIN,
)
_NO_CODE = Diagnosis(
    "sign_in_refused", "The answer of the sign-in holds neither a code nor an error.", _AGAIN
)
_DENIED = Diagnosis(
    "sign_in_denied",
    "The user did not allow the access.",
    "Start the sign-in again and allow all that is asked for.",
)
_REFUSED = Diagnosis(
    "sign_in_refused",
    "The authorisation server refused the sign-in.",
    "Check the OAuth client, its consent screen and its test users in the Google Cloud console.",
)
_SCOPE_NOT_GRANTED = Diagnosis(
    "scope_not_granted",
    "The user allowed a part of the access only.",
    "Start the sign-in again and tick all that is asked for.",
)
_NO_REFRESH_TOKEN = Diagnosis(
    "refresh_token_missing",
    "The answer of the sign-in holds no refresh token: the access would end within the hour.",
    "Remove the app in the Google account's connections, then start the sign-in again.",
)


def _refusal(name: str) -> CredentialError:
    if name == "access_denied":
        return CredentialError(_DENIED)
    # Whoever sent the browser here chose the name.
    return CredentialError(_REFUSED, reason=name if _ERROR_NAME.fullmatch(name) else "")


def _client_malformed(summary: str) -> CredentialError:
    return CredentialError(
        Diagnosis(
            "oauth_client_malformed",
            summary,
            "Create an OAuth client of the type desktop app, and use its JSON file.",
        )
    )
