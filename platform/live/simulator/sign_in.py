"""Users who sign in: the authorisation page, and the tokens for its code.

RFC 6749 sections 4.1 and 6, RFC 7636 (PKCE), RFC 8252 (a client on this machine);
developers.google.com/identity/protocols/oauth2/native-app. The one user agrees at once.
"""

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from live.simulator.grants import CLOUD_SCOPES, Grant, GrantRefused

USER = "someone@example.com"
CODE_LIFE_S = 600.0
MAX_KEPT = 10000  # clients, codes and refresh tokens each: the oldest go first
Kept = TypeVar("Kept")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Client:
    """A program as the authorisation server knows it."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class _Code:
    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    offline: bool
    expires_at: float


@dataclass(frozen=True)
class _Refresh:
    client_id: str
    scopes: frozenset[str]


class SignIns:
    """The OAuth clients, and what users allowed them.

    `refusal` is the error that the user's answer brings (`access_denied`), "" when they
    agree; `withheld` are the scopes that they do not tick. `wall` returns the time in seconds
    since 1970.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self.refusal = ""
        self.withheld: frozenset[str] = frozenset()
        self._wall = wall
        self._clients: OrderedDict[str, Client] = OrderedDict()
        self._codes: OrderedDict[str, _Code] = OrderedDict()
        self._refreshes: OrderedDict[str, _Refresh] = OrderedDict()

    def new_client(self) -> Client:
        """Return a client of the type desktop app."""
        number = secrets.randbelow(10**12)
        name = f"{number:012}-{secrets.token_hex(16)}.apps.googleusercontent.com"
        client = Client(name, f"GOCSPX-{secrets.token_urlsafe(21)}")
        _keep(self._clients, client.client_id, client)
        return client

    def new_refresh_token(self, client: Client, scopes: frozenset[str]) -> str:
        """Return the refresh token of a user who allowed `client` these scopes."""
        token = f"1//{secrets.token_urlsafe(48)}"
        _keep(self._refreshes, token, _Refresh(client.client_id, scopes))
        return token

    def revoke_refresh_tokens(self) -> None:
        """Let no sign-in hold any longer."""
        self._refreshes.clear()

    def authorize(self, query: Mapping[str, str]) -> str:
        """Return where the browser goes from the authorisation page, with the answer.

        Raises GrantRefused where the browser stays: for a client that is not known, and for
        an address that is not on this machine.
        """
        client = self._clients.get(query.get("client_id", ""))
        if client is None:
            raise GrantRefused("invalid_client", "The OAuth client was not found.", 401)
        redirect_uri = query.get("redirect_uri", "")
        if not _is_loopback(redirect_uri):
            raise GrantRefused("redirect_uri_mismatch", "Bad Request")
        scopes = frozenset(query.get("scope", "").split())
        answer = {"state": query["state"]} if "state" in query else {}
        if error := self.refusal or _wrong_request(query, scopes):
            answer["error"] = error
        else:
            granted = scopes - self.withheld
            answer["code"] = self._new_code(query, granted)
            answer["scope"] = " ".join(sorted(granted))
        return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"

    def exchange(self, form: Mapping[str, str]) -> Grant:
        """Return what an authorisation code is good for, once. Raises GrantRefused."""
        client = self._client(form)
        # Whoever shows it, a code is spent (RFC 6749 section 4.1.2).
        code = self._codes.pop(_needed(form, "code"), None)
        if code is None or code.client_id != client.client_id or self._wall() >= code.expires_at:
            raise GrantRefused("invalid_grant", "Malformed auth code.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise GrantRefused("redirect_uri_mismatch", "Bad Request")
        _check_verifier(form.get("code_verifier", ""), code.challenge)
        refresh_token = self.new_refresh_token(client, code.scopes) if code.offline else ""
        return Grant(USER, code.scopes, refresh_token, tells_scope=True)

    def refresh(self, form: Mapping[str, str]) -> Grant:
        """Return what a refresh token is good for: as often as it is asked. Raises GrantRefused."""
        client = self._client(form)
        found = self._refreshes.get(_needed(form, "refresh_token"))
        if found is None or found.client_id != client.client_id:
            raise GrantRefused("invalid_grant", "Token has been expired or revoked.")
        asked = frozenset(form.get("scope", "").split())
        if not asked <= found.scopes:
            raise GrantRefused("invalid_scope", "Bad Request")
        return Grant(USER, asked or found.scopes, tells_scope=True)

    def _client(self, form: Mapping[str, str]) -> Client:
        client = self._clients.get(_needed(form, "client_id"))
        if client is None:
            raise GrantRefused("invalid_client", "The OAuth client was not found.", 401)
        given = form.get("client_secret", "").encode()
        if not hmac.compare_digest(given, client.client_secret.encode()):
            raise GrantRefused("invalid_client", "The provided client secret is invalid.", 401)
        return client

    def _new_code(self, query: Mapping[str, str], scopes: frozenset[str]) -> str:
        name = f"4/0A{secrets.token_urlsafe(48)}"
        code = _Code(
            query["client_id"],
            query["redirect_uri"],
            scopes,
            query.get("code_challenge", ""),
            query.get("access_type") == "offline",
            self._wall() + CODE_LIFE_S,
        )
        _keep(self._codes, name, code)
        return name


def _keep(store: OrderedDict[str, Kept], name: str, kept: Kept) -> None:
    store[name] = kept
    while len(store) > MAX_KEPT:
        store.popitem(last=False)


def _wrong_request(query: Mapping[str, str], scopes: frozenset[str]) -> str:
    """Return the error that goes back with the browser, "" for none (RFC 6749 4.1.2.1)."""
    if query.get("response_type") != "code":
        return "unsupported_response_type"
    if query.get("code_challenge") and query.get("code_challenge_method", "plain") != "S256":
        return "invalid_request"
    return "" if scopes and scopes <= CLOUD_SCOPES else "invalid_scope"


def _is_loopback(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise GrantRefused("invalid_request", f"Missing required parameter: {name}")
    return form[name]


def _check_verifier(verifier: str, challenge: str) -> None:
    """Check a code verifier against its S256 challenge (RFC 7636 section 4.6)."""
    if not challenge:
        return
    if not verifier:
        raise GrantRefused("invalid_grant", "Missing code verifier.")
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if not hmac.compare_digest(made, challenge.encode()):
        raise GrantRefused("invalid_grant", "Invalid code verifier.")
