"""A user who signed in: access tokens by refresh token.

Source: RFC 6749 section 6; developers.google.com/identity/protocols/oauth2/native-app.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from live.auth import RefreshingAuth
from live.credentials_file import bad_file, parse_credentials_file, text_field, unsupported_kind
from live.token_endpoint import GOOGLE_TOKEN_URI, lifetime_of, may_be_asked, request_token

KIND = "authorized_user"


@dataclass(frozen=True, slots=True)
class AuthorizedUser:
    """What a sign-in leaves behind: enough to make access tokens until it is revoked.

    `quota_project` is the project that is billed, empty for that of the OAuth client.
    """

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_uri: str = GOOGLE_TOKEN_URI
    quota_project: str = ""

    @classmethod
    def from_info(
        cls, info: Mapping[str, Any], *, token_uris: Collection[str] | None = None
    ) -> AuthorizedUser:
        """From the content of a file of the kind `authorized_user`, or from `to_info`.

        The refresh token goes to the file's `token_uri`, to Google's without one; where strangers
        may upload files, `token_uris` names the ones that are allowed. Without it any https
        address will do, and http on loopback.

        Raises `CredentialError` that names what is missing or malformed.
        """
        token_uri = info.get("token_uri", GOOGLE_TOKEN_URI)
        if not isinstance(token_uri, str) or not may_be_asked(token_uri, token_uris):
            raise bad_file("The field token_uri names an address that is not allowed.")
        quota_project = info.get("quota_project_id") or ""
        if not isinstance(quota_project, str):
            raise bad_file("The field quota_project_id is no text.")
        return cls(
            client_id=text_field(info, "client_id"),
            client_secret=text_field(info, "client_secret"),
            refresh_token=text_field(info, "refresh_token"),
            token_uri=token_uri,
            quota_project=quota_project,
        )

    def to_info(self) -> dict[str, str]:
        """The same as a file of Google's tools has it. Holds the secrets: to be sealed."""
        info = {
            "type": KIND,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            "token_uri": self.token_uri,
        }
        return info | ({"quota_project_id": self.quota_project} if self.quota_project else {})


def validate_authorized_user_info(
    raw: str | bytes, *, token_uris: Collection[str] | None = None
) -> dict[str, str]:
    """Check a JSON file of the kind `authorized_user`, and return its known fields.

    `token_uris` is as in `AuthorizedUser.from_info`. Raises `CredentialError` that names what is
    wrong.
    """
    kind, info = parse_credentials_file(raw)
    if kind != KIND:
        raise unsupported_kind(kind)
    return AuthorizedUser.from_info(info, token_uris=token_uris).to_info()


class AuthorizedUserAuth(RefreshingAuth):
    """Makes access tokens for a user who signed in.

    An endpoint may replace the refresh token when it is used, and then the old one is worth
    nothing. `on_rotated` is awaited with the new state, to be stored sealed, before the access
    token is used. When it fails, the refresh counts as failed: it is tried again, and `headers`
    raises what it raised as soon as no older token holds. Processes that share such a user must
    share one stored state.

    `quota_project` goes before the user's own. `clock` is the time of day. `headers` raises
    `CredentialError` with the code `sign_in_again` when only the user can help.
    """

    def __init__(
        self,
        user: AuthorizedUser,
        *,
        on_rotated: Callable[[AuthorizedUser], Awaitable[None]] | None = None,
        quota_project: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(quota_project=quota_project or user.quota_project, clock=clock)
        self._user = user
        self._stored = user
        self._on_rotated = on_rotated
        self._scopes: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the newest token is good for, as the endpoint says; empty before the first."""
        return self._scopes

    @property
    def user(self) -> AuthorizedUser:
        """The present state, with the newest refresh token."""
        return self._user

    def _fetch(self) -> tuple[object, float]:
        user = self._user
        form = {
            "grant_type": "refresh_token",
            "client_id": user.client_id,
            "client_secret": user.client_secret,
            "refresh_token": user.refresh_token,
        }
        answer = request_token(user.token_uri, form)
        scope = answer.get("scope")
        self._scopes = tuple(scope.split()) if isinstance(scope, str) else ()
        rotated = answer.get("refresh_token")
        if isinstance(rotated, str) and rotated:
            self._user = replace(user, refresh_token=rotated)
        return answer.get("access_token"), lifetime_of(answer)

    async def _fetched(self) -> None:
        user = self._user
        if user != self._stored and self._on_rotated is not None:
            await self._on_rotated(user)
        self._stored = user
