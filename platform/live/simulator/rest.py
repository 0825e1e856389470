"""The plain HTTP side: models, sign-in, access tokens, ephemeral tokens, service-account keys.

What is not there is refused in Google's words.
"""

import logging
from typing import Any
from urllib.parse import parse_qs

import msgspec

from live.simulator.auth_tokens import AuthTokens
from live.simulator.catalogue import answer_models
from live.simulator.closes import Refusal
from live.simulator.credentials import Credentials
from live.simulator.front import HttpRequest, HttpResponse
from live.simulator.grants import GrantRefused
from live.simulator.iam import ServiceAccounts
from live.simulator.oauth import TokenEndpoint
from live.simulator.paths import (
    KeyPath,
    is_auth_tokens,
    is_sign_in,
    key_path_of,
    model_path_of,
    plain_path,
)
from live.simulator.rest_errors import RestError, method_not_allowed, not_found, rest_error_of

log = logging.getLogger(__name__)


class Rest:
    """Answers HTTP requests that are not WebSocket handshakes."""

    def __init__(
        self,
        credentials: Credentials,
        oauth: TokenEndpoint,
        auth_tokens: AuthTokens,
        accounts: ServiceAccounts,
    ) -> None:
        self._credentials = credentials
        self._oauth = oauth
        self._auth_tokens = auth_tokens
        self._accounts = accounts

    async def answer(self, request: HttpRequest) -> HttpResponse:
        try:
            if is_sign_in(request.target):
                return self._sign_in(request)
            return HttpResponse(200, msgspec.json.encode(await self._answer(request)))
        except GrantRefused as refused:
            log.info("refused a token request: %s", refused.error)
            body = {"error": refused.error, "error_description": refused.description}
            return HttpResponse(refused.status, msgspec.json.encode(body))
        except Refusal as refusal:
            error = rest_error_of(refusal)
        except RestError as refused_here:
            error = refused_here
        log.info("refused a request with status %d", error.status)
        return error.response()

    async def _answer(self, request: HttpRequest) -> Any:
        if plain_path(request.target) == "/token":
            _only(request, "POST")
            return self._oauth.grant(request.body)
        if is_auth_tokens(request.target):
            _only(request, "POST")
            self._credentials.check_minting(request.target, request.headers)
            return self._auth_tokens.create(request.body)
        if models := model_path_of(request.target):
            _only(request, "GET")
            self._credentials.check_models(models.version, request.target, request.headers)
            return answer_models(models, request.target.partition("?")[2])
        if keys := key_path_of(request.target):
            self._credentials.check_cloud(request.target, request.headers)
            if keys.key_id:
                return self._one_key(keys, request)
            return await self._keys(keys, request)
        raise not_found()

    def _sign_in(self, request: HttpRequest) -> HttpResponse:
        _only(request, "GET")
        query = parse_qs(request.target.partition("?")[2])
        asked = {name: values[0] for name, values in query.items()}
        return HttpResponse(302, b"{}", self._oauth.sign_ins.authorize(asked))

    async def _keys(self, keys: KeyPath, request: HttpRequest) -> Any:
        if request.method == "GET" and not keys.verb:
            query = parse_qs(request.target.partition("?")[2])
            types = query.get("keyTypes", []) + query.get("key_types", [])
            return self._accounts.list_keys(keys.project, keys.email, types)
        _only(request, "POST")
        if keys.verb:
            return self._accounts.upload_key(keys.project, keys.email, request.body)
        return await self._accounts.create_key(keys.project, keys.email, request.body)

    def _one_key(self, keys: KeyPath, request: HttpRequest) -> Any:
        place = keys.project, keys.email, keys.key_id
        if keys.verb:
            _only(request, "POST")
            self._accounts.disable_key(*place, disabled=keys.verb == "disable")
        elif request.method == "GET":
            query = parse_qs(request.target.partition("?")[2])
            kinds = query.get("publicKeyType", []) + query.get("public_key_type", [])
            return self._accounts.get_key(*place, *kinds[-1:])
        else:
            _only(request, "DELETE")
            self._accounts.delete_key(*place)
        return {}


def _only(request: HttpRequest, method: str) -> None:
    if request.method != method:
        raise method_not_allowed()
