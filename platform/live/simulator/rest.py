"""The plain HTTP side: the OAuth token endpoint, and Google's words for what is not there."""

import logging

import msgspec

from live.simulator.front import HttpRequest, HttpResponse
from live.simulator.oauth import GrantRefused, TokenEndpoint
from live.simulator.paths import plain_path

log = logging.getLogger(__name__)


class Rest:
    """Answers HTTP requests that are not WebSocket handshakes."""

    def __init__(self, oauth: TokenEndpoint) -> None:
        self._oauth = oauth

    def answer(self, request: HttpRequest) -> HttpResponse:
        if plain_path(request.target) != "/token":
            return _error(404, "Requested entity was not found.", "NOT_FOUND")
        if request.method != "POST":
            return _error(405, "Method not allowed.", "INVALID_ARGUMENT")
        try:
            return HttpResponse(200, msgspec.json.encode(self._oauth.grant(request.body)))
        except GrantRefused as refused:
            log.info("refused a token request: %s", refused.error)
            body = {"error": refused.error, "error_description": refused.description}
            return HttpResponse(400, msgspec.json.encode(body))


def _error(status: int, message: str, name: str) -> HttpResponse:
    error = {"code": status, "message": message, "status": name}
    return HttpResponse(status, msgspec.json.encode({"error": error}))
