"""Ways to prove who we are: an API key, a service account, a token from elsewhere.

Credentials go into headers, not into an address; only an ephemeral token may, where it must.
Making an access token costs one HTTP request, and a signature for a service account; both happen
in a thread, some minutes before the old token expires, and once for all sessions that share the
credential.

Users who signed in are in `live.authorized_user`, application default credentials in `live.adc`.

Source: developers.google.com/identity/protocols/oauth2/service-account, RFC 7523.
"""

from __future__ import annotations

import abc
import asyncio
import datetime as dt
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import google.auth.exceptions
from google.auth.crypt import RSASigner
from google.oauth2 import service_account

from live.endpoint import Endpoint
from live.errors import CredentialError, Diagnosis
from live.keyfile import fields_of, load_key, validate_service_account_info
from live.refusals import ANSWER_MALFORMED, UNREACHABLE, grant_error
from live.token_endpoint import LONGEST_LIFETIME, TokenEndpoint

__all__ = [
    "DEVELOPER_SCOPES",
    "EPHEMERAL_PREFIX",
    "VERTEX_SCOPES",
    "ApiKeyAuth",
    "Auth",
    "BearerTokenAuth",
    "EphemeralTokenAuth",
    "RefreshingAuth",
    "ServiceAccountAuth",
    "validate_service_account_info",
]

VERTEX_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# A token with the first scope alone is refused by the Developer API.
DEVELOPER_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/generative-language.retriever",
)
EPHEMERAL_PREFIX = "auth_tokens/"

_REFRESH_AHEAD = 300.0  # seconds before its expiry at which a token is replaced
_TRY_AGAIN = 30.0  # seconds until a failed replacement is tried again, while the old token holds
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)

log = logging.getLogger(__name__)


class Auth(abc.ABC):
    """What proves who we are. Belongs to one event loop; share it between sessions."""

    @abc.abstractmethod
    async def headers(self) -> dict[str, str]:
        """Headers for a handshake that starts now. Raises `CredentialError`."""

    def query(self) -> dict[str, str]:
        """What has to stand in the address instead: secret, so add it when dialling, not before.

        Empty for every kind but an ephemeral token that was asked to.
        """
        return {}

    def endpoint_for(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as this credential needs it: an ephemeral token has a method of its own.

        Raises `CallerError` when they do not go together.
        """
        return endpoint


class ApiKeyAuth(Auth):
    """An API key. Raises `CredentialError` when it cannot be a header's value."""

    def __init__(self, key: str) -> None:
        self._key = _header_value(key)

    async def headers(self) -> dict[str, str]:
        return {"x-goog-api-key": self._key}


class EphemeralTokenAuth(Auth):
    """A token of the Developer API for one or a few sessions: `auth_tokens/…`.

    It goes into a header, or with `in_query` into the address, as a browser has to do it: for
    something in between that lets no such header through. Only the constrained method takes it;
    `endpoint_for` gives that.

    Raises `CredentialError` when it is no such token.

    Source: ai.google.dev/gemini-api/docs/ephemeral-tokens.
    """

    def __init__(self, token: str, *, in_query: bool = False) -> None:
        if not token.startswith(EPHEMERAL_PREFIX):
            raise CredentialError(
                Diagnosis(
                    "token_no_ephemeral",
                    f"An ephemeral token begins with {EPHEMERAL_PREFIX}, and this one does not.",
                    "Pass the whole name that the minting of the token returned.",
                )
            )
        self._token = _header_value(token)
        self._in_query = in_query

    async def headers(self) -> dict[str, str]:
        return {} if self._in_query else {"Authorization": f"Token {self._token}"}

    def query(self) -> dict[str, str]:
        return {"access_token": self._token} if self._in_query else {}

    def endpoint_for(self, endpoint: Endpoint) -> Endpoint:
        return endpoint if endpoint.is_constrained else endpoint.constrained()


class BearerTokenAuth(Auth):
    """An OAuth access token that somebody else made and replaces.

    Some previews want an API key beside it. `quota_project` is the project that is billed, where
    it is another one than the token's own. Raises `CredentialError` when one of them cannot be a
    header's value.
    """

    def __init__(
        self, token: str, key: str | None = None, *, quota_project: str | None = None
    ) -> None:
        self._headers = {"Authorization": f"Bearer {_header_value(token)}"}
        self._headers |= _quota_header(quota_project)
        if key is not None:
            self._headers["x-goog-api-key"] = _header_value(key)

    async def headers(self) -> dict[str, str]:
        return dict(self._headers)


class RefreshingAuth(Auth):
    """Makes access tokens itself; what all kinds that do so share.

    `clock` is the time of day. Raises `CredentialError` for a quota project that is no name.
    """

    def __init__(
        self, *, quota_project: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._quota = _quota_header(quota_project)
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._renew = 0.0
        self._refresh: asyncio.Task[None] | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """What each token is asked for; empty where that was settled before, by a sign-in."""
        return ()

    @property
    def expires_in(self) -> float:
        """Seconds for which the present token still holds; 0.0 without one."""
        return max(0.0, self._expires - self._clock())

    @abc.abstractmethod
    def _fetch(self) -> tuple[object, float]:
        """A new token and its lifetime in seconds. Blocks. Raises `CredentialError`."""

    async def _fetched(self) -> None:
        """Called after `_fetch`, on the loop, before the new token counts."""

    async def headers(self) -> dict[str, str]:
        """Headers with a token that holds.

        A new token is made some minutes ahead of time; while another session waits for it, or
        when it cannot be had, the old one is used as long as it holds.

        Raises `CredentialError` when there is no valid token to be had.
        """
        if self._clock() >= min(self._renew, self._expires):
            refresh = self._refresh_once()
            await asyncio.wait({refresh})  # cancelling one who waits ends nobody else's refresh
            if self._clock() >= self._expires:
                refresh.result()
        return {"Authorization": f"Bearer {self._token}"} | self._quota

    async def renew(self) -> None:
        """Make a new token though the old one may hold: tells whether that still works.

        Raises `CredentialError` when it does not; the old token is used on as long as it holds.
        """
        refresh = self._refresh_once()
        await asyncio.wait({refresh})
        refresh.result()

    def _refresh_once(self) -> asyncio.Task[None]:
        """A new refresh, or the one that is under way."""
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._refresh_off_loop())
            # Seen here even if all who wait for it are cancelled.
            self._refresh.add_done_callback(_log_failure)
        return self._refresh

    async def _refresh_off_loop(self) -> None:
        asked = self._clock()
        self._renew = asked + _TRY_AGAIN
        token, lifetime = await asyncio.to_thread(self._fetch)
        if not isinstance(token, str) or not _fits_header(token):
            raise CredentialError(ANSWER_MALFORMED)
        await self._fetched()
        self._token = token
        self._expires = asked + lifetime
        self._renew = self._expires - min(_REFRESH_AHEAD, lifetime / 2)


class ServiceAccountAuth(RefreshingAuth):
    """A service account: makes access tokens by the JWT bearer grant (RFC 7523).

    Use `from_info` to make one.
    """

    def __init__(
        self,
        credentials: service_account.Credentials,
        *,
        quota_project: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(quota_project=quota_project, clock=clock)
        self._credentials = credentials

    @classmethod
    def from_info(
        cls,
        info: Mapping[str, Any],
        scopes: Sequence[str],
        *,
        quota_project: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> ServiceAccountAuth:
        """From the content of a key file that `validate_service_account_info` has seen.

        Cheap (about 10 µs): the key's numbers are not checked again. `quota_project` is the
        project that is billed, where it is another one than the account's. `clock` is the time
        of day.

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
        quota_project = quota_project or info.get("quota_project_id")
        return cls(credentials, quota_project=quota_project, clock=clock)

    @property
    def client_email(self) -> str:
        """The account's name."""
        return str(self._credentials.service_account_email)

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self._credentials.scopes or ())

    def _fetch(self) -> tuple[object, float]:
        # `refresh` and not `before_request`, which also calls another host of Google's.
        try:
            self._credentials.refresh(TokenEndpoint())  # type: ignore[no-untyped-call]
            return self._credentials.token, _lifetime(self._credentials.expiry)
        except google.auth.exceptions.TransportError:
            raise CredentialError(UNREACHABLE) from None
        except google.auth.exceptions.RefreshError as error:
            # Without the cause: its text holds the endpoint's whole answer.
            raise grant_error(error) from None
        except (google.auth.exceptions.GoogleAuthError, ValueError, TypeError, OverflowError):
            raise CredentialError(ANSWER_MALFORMED) from None


def _lifetime(expiry: dt.datetime | None) -> float:
    """Seconds from now; the expiry is in UTC without saying so."""
    if expiry is None:
        return LONGEST_LIFETIME
    left = expiry.replace(tzinfo=dt.UTC) - dt.datetime.now(dt.UTC)
    return min(left.total_seconds(), LONGEST_LIFETIME)


def _log_failure(refresh: asyncio.Task[None]) -> None:
    if not refresh.cancelled() and (error := refresh.exception()):
        code = error.code if isinstance(error, CredentialError) else type(error).__name__
        log.warning("could not replace an access token: %s", code)


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


def _quota_header(project: object) -> dict[str, str]:
    if not project:
        return {}
    if not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise CredentialError(
            Diagnosis(
                "quota_project_malformed",
                "The quota project is no project's id.",
                "Correct it, or leave it out.",
            )
        )
    return {"x-goog-user-project": project}
