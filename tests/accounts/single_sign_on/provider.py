"""A small OpenID provider on loopback: a real server, with a switch for each fault."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID = "parley-client"
CLIENT_SECRET = "a-client-secret-that-nobody-may-see"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """What it says of whoever signs in, and what goes wrong. `asks` shows a page with a button,
    as for people; otherwise the person is in at once."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    # What replaces a claim of the ID token, an entry of the document, or all of an answer.
    token_claims: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    raw_document: bytes | None = None
    redirect_uris: list[str] | None = None
    declines: str = ""
    foreign_key: bool = False
    algorithm: str = "RS256"
    email_by_userinfo: bool = False
    asks: bool = False
    # What it has seen.
    asked: list[dict[str, str]] = field(default_factory=list)
    exchanged: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.document,
        }

    def keys(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> tuple[HTTPStatus, str]:
        """The address to send the browser to, or an error page's status."""
        self.asked.append(query)
        if self.redirect_uris is not None and query["redirect_uri"] not in self.redirect_uris:
            return HTTPStatus.BAD_REQUEST, "This redirect address is not registered."
        if self.declines:
            answer = {"error": self.declines, "state": query["state"]}
        else:
            code = base64.urlsafe_b64encode(hashlib.sha256(query["state"].encode()).digest())
            self.codes[code.decode()] = query
            answer = {"code": code.decode(), "state": query["state"], "iss": self.url}
        return HTTPStatus.FOUND, f"{query['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str], header: str) -> tuple[HTTPStatus, dict[str, Any]]:
        self.exchanged.append(form)
        if _credentials(form, header) != (CLIENT_ID, CLIENT_SECRET):
            return HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return HTTPStatus.BAD_REQUEST, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return HTTPStatus.BAD_REQUEST, {"error": "invalid_grant"}
        token = self._id_token(asked)
        return HTTPStatus.OK, {"access_token": "at", "token_type": "Bearer", "id_token": token}

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        about = {"sub": self.claims.get("sub")} if self.email_by_userinfo else self.claims
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **about,
            **self.token_claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            return jwt.encode(claims, "", algorithm="none")
        if self.algorithm == "HS256":
            return jwt.encode(claims, CLIENT_SECRET * 2, algorithm="HS256", headers={"kid": "one"})
        key = _OTHER_KEY if self.foreign_key else _KEY
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})

    def person(self, email: str, **claims: Any) -> None:
        """Who signs in from now on."""
        self.claims = {"sub": f"sub-{email}", "email": email, "email_verified": True, **claims}


def _credentials(form: dict[str, str], header: str) -> tuple[str, str]:
    if header.startswith("Basic "):
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return unquote(name), unquote(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


def _first(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *args: Any) -> None:
        """Nothing: the test's output is not its log."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            raw = self.provider.raw_document
            self._send(raw or json.dumps(self.provider.configuration()).encode())
        elif parts.path == "/jwks":
            self._send(json.dumps(self.provider.keys()).encode())
        elif parts.path == "/userinfo":
            self._send(json.dumps(self.provider.claims).encode())
        elif parts.path == "/authorize":
            self._authorize(parts.query)
        elif parts.path == "/moved":
            self._move("http://127.0.0.1:9/")
        else:
            self._send(b"{}", HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        form = _first(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status, body = self.provider.exchange(form, self.headers.get("Authorization", ""))
        self._send(json.dumps(body).encode(), status)

    def _authorize(self, query: str) -> None:
        if self.provider.asks and "&yes=1" not in query:
            link = f"/authorize?{query}&yes=1".replace("&", "&amp;")
            page = f'<!doctype html><title>IdP</title><h1>Acme</h1><a href="{link}">It is me</a>'
            self._send(page.encode(), kind="text/html")
            return
        status, text = self.provider.authorize(_first(query))
        if status == HTTPStatus.FOUND:
            self._move(text)
        else:
            self._send(text.encode(), status, kind="text/plain")

    def _move(self, address: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(
        self, body: bytes, status: HTTPStatus = HTTPStatus.OK, kind: str = "application/json"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running_provider() -> Iterator[Provider]:
    provider = Provider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
