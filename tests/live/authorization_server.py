"""An authorisation server on a real port, and a browser that goes there and follows it back."""

import base64
import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from live.user_oauth import OAuthClient

CLIENT_SECRET = "GOCSPX-made-up"
CODE = "4/made-up"


@dataclass
class AuthorizationServer:
    """What it was asked. `reply` changes what goes back to the program by the browser."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    reply: dict[str, str | None] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=lambda: {"refresh_token": "1//made-up"})

    @property
    def client(self) -> OAuthClient:
        return OAuthClient("client-1", CLIENT_SECRET, f"{self.url}/auth", f"{self.url}/token")

    def redirect(self, query: dict[str, str]) -> str:
        """Where the browser goes after the user has agreed."""
        self.asked.append(query)
        sent = {"state": query["state"], "code": CODE, "scope": query["scope"]} | self.reply
        kept = {name: value for name, value in sent.items() if value is not None}
        return f"{query['redirect_uri']}?{urlencode(kept)}"

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The tokens for a code: checks all that binds it to the one who began (RFC 7636)."""
        self.forms.append(form)
        begun = self.asked[-1]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = (
            begun["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
            and begun["redirect_uri"] == form["redirect_uri"]
            and begun["client_id"] == form["client_id"]
            and form["client_secret"] == CLIENT_SECRET
            and form["code"] == CODE
        )
        if not fits:
            return 400, {"error": "invalid_grant", "error_description": "Malformed auth code."}
        return 200, {"access_token": "ya29.x", "expires_in": 3599} | self.answer


@contextmanager
def authorization_server() -> Iterator[AuthorizationServer]:
    """A running authorisation server whose user agrees at once."""
    state = AuthorizationServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            self.send_response(302)
            self.send_header("Location", state.redirect(query))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = state.exchange({k: v[0] for k, v in parse_qs(body).items()})
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Page:
    """What a browser shows."""

    status: int
    headers: dict[str, str]
    text: str


def visit(url: str, method: str = "GET") -> Page:
    """One request, without following anything. Blocks."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        return Page(answer.status, dict(answer.headers), answer.read().decode())
    finally:
        connection.close()


def redirected(url: str) -> str:
    """Where the address sends a browser. Blocks."""
    return visit(url).headers["Location"]
