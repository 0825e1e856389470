"""Who may talk: the credential of a socket, from the four places it can be in.

Section 1.2 of the protocol notes. A refusal reaches the client as a close frame after
its first message was read, as the real server does it.
"""

import hmac
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs

from live.simulator.closes import (
    insufficient_scopes,
    invalid_credentials,
    key_not_valid,
    unregistered_caller,
)
from live.simulator.oauth import SCOPE_PREFIX, TokenEndpoint
from live.simulator.paths import Service

VERTEX_SCOPE = SCOPE_PREFIX + "cloud-platform"
DEVELOPER_SCOPE = SCOPE_PREFIX + "generative-language"
EPHEMERAL = "auth_tokens/"


class Credentials:
    """Checks sockets against the API keys and bearer tokens that this server knows."""

    def __init__(self, api_keys: Collection[str], tokens: TokenEndpoint) -> None:
        self._api_keys = api_keys  # the caller's own collection: a key removed there is revoked
        self._tokens = tokens

    def check(self, service: Service, target: str, headers: Mapping[str, str]) -> None:
        """Return if the request may use the service. Raises Refusal (1007 or 1008).

        An OAuth bearer counts before an API key, because callers that send one over the
        official SDK must send a key too.
        """
        query = parse_qs(target.partition("?")[2])
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        bearer = bearer.strip() or query.get("access_token", [""])[0]
        key = headers.get("x-goog-api-key") or query.get("key", [""])[0]
        if scheme == "Token" or bearer.startswith(EPHEMERAL) or key.startswith(EPHEMERAL):
            raise invalid_credentials() if service.constrained else unregistered_caller()
        if bearer:
            self._check_bearer(service, bearer)
        elif key:
            self._check_key(key)
        else:
            raise unregistered_caller()

    def _check_bearer(self, service: Service, bearer: str) -> None:
        token = self._tokens.token(bearer)
        if token is None:
            raise invalid_credentials()
        wanted = VERTEX_SCOPE if service.vertex else DEVELOPER_SCOPE
        if not any(scope.startswith(wanted) for scope in token.scopes):
            raise insufficient_scopes()

    def _check_key(self, key: str) -> None:
        given = key.encode(errors="surrogateescape")
        # Every key is compared, so that the time tells nothing about which one is near.
        matches = [hmac.compare_digest(given, known.encode()) for known in self._api_keys]
        if True not in matches:
            raise key_not_valid()
