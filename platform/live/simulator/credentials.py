"""Who may talk: the credential of a socket, from the four places it can be in.

Section 1.2 of the protocol notes. A refusal reaches the client as a close frame after
its first message was read, as the real server does it.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from live.simulator.auth_tokens import AuthToken, AuthTokens
from live.simulator.closes import (
    insufficient_scopes,
    invalid_credentials,
    key_not_valid,
    unregistered_caller,
)
from live.simulator.grants import SCOPE_PREFIX
from live.simulator.oauth import TokenEndpoint
from live.simulator.paths import Service
from live.simulator.rest_errors import keys_not_supported

VERTEX_SCOPE = SCOPE_PREFIX + "cloud-platform"
DEVELOPER_SCOPE = SCOPE_PREFIX + "generative-language"
EPHEMERAL = "auth_tokens/"
AUTHORIZATION_KEY = "AQ."  # a key that stands for a service account


@dataclass(frozen=True)
class Presented:
    """What a request shows: the name of an ephemeral token, a bearer token, a key; "" for none."""

    ephemeral: str
    bearer: str
    key: str


def presented(target: str, headers: Mapping[str, str]) -> Presented:
    query = parse_qs(target.partition("?")[2])
    scheme, _, credential = headers.get("Authorization", "").partition(" ")
    bearer = credential.strip() or query.get("access_token", [""])[0]
    key = headers.get("x-goog-api-key") or query.get("key", [""])[0]
    if scheme == "Token" or bearer.startswith(EPHEMERAL):
        return Presented(bearer, "", "")
    return Presented(key, "", "") if key.startswith(EPHEMERAL) else Presented("", bearer, key)


class Credentials:
    """Checks callers against the API keys and tokens that this server knows."""

    def __init__(
        self, api_keys: Collection[str], tokens: TokenEndpoint, ephemeral: AuthTokens
    ) -> None:
        self._api_keys = api_keys  # the caller's own collection: a key removed there is revoked
        self._tokens = tokens
        self._ephemeral = ephemeral

    def check(self, service: Service, target: str, headers: Mapping[str, str]) -> AuthToken | None:
        """Return if the request may use the service, with its ephemeral token if it has one.

        Raises Refusal (1007 or 1008). An OAuth bearer counts before an API key, because
        callers that send one over the official SDK must send a key too.
        """
        shown = presented(target, headers)
        if shown.ephemeral:
            if not service.constrained:
                raise unregistered_caller()
            return self._ephemeral.find(shown.ephemeral)
        if shown.bearer:
            self._check_bearer(shown.bearer, VERTEX_SCOPE if service.vertex else DEVELOPER_SCOPE)
        elif shown.key:
            self._check_key(shown.key)
        else:
            raise unregistered_caller()
        return None

    def check_models(self, version: str, target: str, headers: Mapping[str, str]) -> None:
        """Return if the request may read the models list. Raises Refusal."""
        self.check(Service(version), target, headers)

    def check_minting(self, target: str, headers: Mapping[str, str]) -> None:
        """Return if the request may mint ephemeral tokens: one of them may not. Raises Refusal."""
        self.check(Service("v1"), target, headers)

    def check_cloud(self, target: str, headers: Mapping[str, str]) -> None:
        """Return if the request may use Google Cloud's own APIs, which take no API key.

        Raises Refusal or RestError.
        """
        shown = presented(target, headers)
        if shown.bearer:
            self._check_bearer(shown.bearer, VERTEX_SCOPE)
        elif shown.key:
            raise keys_not_supported()
        else:
            raise invalid_credentials()

    def _check_bearer(self, bearer: str, wanted: str) -> None:
        token = self._tokens.token(bearer)
        if token is None:
            raise invalid_credentials()
        if not any(scope.startswith(wanted) for scope in token.scopes):
            raise insufficient_scopes()

    def _check_key(self, key: str) -> None:
        given = key.encode(errors="surrogateescape")
        # Every key is compared, so that the time tells nothing about which one is near.
        matches = [hmac.compare_digest(given, known.encode()) for known in self._api_keys]
        if True not in matches:
            raise invalid_credentials() if key.startswith(AUTHORIZATION_KEY) else key_not_valid()
