"""Ways to prove who we are: an API key, a service account, a token from elsewhere.

Credentials go into headers, never into an address. Making a token from a service account costs
one signature and one HTTP request; both happen in a thread, some minutes before the old token
expires, and once for all sessions that share the credential.

Source: developers.google.com/identity/protocols/oauth2/service-account, RFC 7523.
"""

from __future__ import annotations

import abc
import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import google.auth.exceptions
from google.auth.crypt import RSASigner
from google.oauth2 import service_account

from live.errors import CredentialError, Diagnosis
from live.keyfile import fields_of, load_key, validate_service_account_info
from live.token_endpoint import ANSWER_MALFORMED, UNREACHABLE, TokenEndpoint, grant_error

__all__ = [
    "DEVELOPER_SCOPES",
    "VERTEX_SCOPES",
    "ApiKeyAuth",
    "Auth",
    "BearerTokenAuth",
    "ServiceAccountAuth",
    "validate_service_account_info",
]

VERTEX_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# A token with the first scope alone is refused by the Developer API.
DEVELOPER_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/generative-language.retriever",
)

_REFRESH_AHEAD = 300.0  # seconds before its expiry at which a token is replaced
_NEVER_LONGER_THAN = 3600.0  # seconds; Google's tokens live for an hour


class Auth(abc.ABC):
    """What proves who we are. Belongs to one event loop; share it between sessions."""

    @abc.abstractmethod
    async def headers(self) -> dict[str, str]:
        """Headers for a handshake that starts now. Raises `CredentialError`."""


class ApiKeyAuth(Auth):
    """An API key. Raises `CredentialError` when it cannot be a header's value."""

    def __init__(self, key: str) -> None:
        self._key = _header_value(key)

    async def headers(self) -> dict[str, str]:
        return {"x-goog-api-key": self._key}


class BearerTokenAuth(Auth):
    """An OAuth access token that somebody else made and replaces.

    Some previews want an API key beside it. Raises `CredentialError` when one of them cannot be a
    header's value.
    """

    def __init__(self, token: str, key: str | None = None) -> None:
        self._headers = {"Authorization": f"Bearer {_header_value(token)}"}
        if key is not None:
            self._headers["x-goog-api-key"] = _header_value(key)

    async def headers(self) -> dict[str, str]:
        return dict(self._headers)


class ServiceAccountAuth(Auth):
    """A service account: makes access tokens by the JWT bearer grant (RFC 7523).

    Use `from_info` to make one.
    """

    def __init__(
        self,
        credentials: service_account.Credentials,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._renew = 0.0
        self._refresh: asyncio.Task[None] | None = None

    @classmethod
    def from_info(
        cls,
        info: Mapping[str, Any],
        scopes: Sequence[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> ServiceAccountAuth:
        """From the content of a key file that `validate_service_account_info` has seen.

        Cheap (about 10 µs): the key's numbers are not checked again. `clock` is the time of day.

        Raises `CredentialError` when something is missing or malformed.
        """
        fields = fields_of(info)
        key = load_key(fields["private_key"], check=False)
        # google-auth is not annotated.
        signer = RSASigner(key, key_id=fields["private_key_id"])  # type: ignore[no-untyped-call]
        credentials = service_account.Credentials(  # type: ignore[no-untyped-call]
            signer,
            fields["client_email"],
            fields["token_uri"],
            scopes=list(scopes),
            project_id=fields["project_id"],
        )
        return cls(credentials, clock=clock)

    async def headers(self) -> dict[str, str]:
        """Headers with a token that holds for some minutes at least.

        A new token is made ahead of time; while that fails and the old one still holds, the old
        one is used.

        Raises `CredentialError` when there is no valid token to be had.
        """
        if self._clock() >= self._renew:
            try:
                await self._refresh_once()
            except CredentialError:
                if self._clock() >= self._expires:
                    raise
        return {"Authorization": f"Bearer {self._token}"}

    async def _refresh_once(self) -> None:
        """Refresh, or wait for the refresh that is under way. Cancelling it ends nobody else's."""
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._refresh_off_loop())
            # Seen here even if all who wait for it are cancelled.
            self._refresh.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._refresh)

    async def _refresh_off_loop(self) -> None:
        self._token, asked, lifetime = await asyncio.to_thread(self._fetch)
        self._expires = asked + lifetime
        self._renew = self._expires - min(_REFRESH_AHEAD, lifetime / 2)

    def _fetch(self) -> tuple[str, float, float]:
        """A new token, when it was asked for, and its lifetime in seconds. Blocks.

        `refresh` and not `before_request`, which also calls another host of Google's.
        """
        started = self._clock()
        try:
            self._credentials.refresh(TokenEndpoint())  # type: ignore[no-untyped-call]
            token: object = self._credentials.token
            lifetime = _lifetime(self._credentials.expiry)
        except google.auth.exceptions.TransportError:
            raise CredentialError(UNREACHABLE) from None
        except google.auth.exceptions.RefreshError as error:
            # Without the cause: its text holds the endpoint's whole answer.
            raise grant_error(error) from None
        except (google.auth.exceptions.GoogleAuthError, ValueError, TypeError, OverflowError):
            raise CredentialError(ANSWER_MALFORMED) from None
        if not isinstance(token, str) or not _fits_header(token):
            raise CredentialError(ANSWER_MALFORMED)
        return token, started, lifetime


def _lifetime(expiry: dt.datetime | None) -> float:
    """Seconds from now; the expiry is in UTC without saying so."""
    if expiry is None:
        return _NEVER_LONGER_THAN
    left = expiry.replace(tzinfo=dt.UTC) - dt.datetime.now(dt.UTC)
    return min(left.total_seconds(), _NEVER_LONGER_THAN)


def _fits_header(secret: str) -> bool:
    """Whether it can stand in an HTTP header after a space (RFC 9110 section 5.5)."""
    return bool(secret) and all("!" <= c <= "~" for c in secret)


def _header_value(secret: str) -> str:
    if not _fits_header(secret):
        raise CredentialError(
            Diagnosis(
                "secret_malformed",
                "The key or token is empty, or holds characters that none has.",
                "Copy it again, without spaces or line breaks.",
            )
        )
    return secret
