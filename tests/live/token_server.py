"""A token endpoint on a real port, and the key file of a service account that leads there."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from live.auth import VERTEX_SCOPES

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)

GOOGLE = "https://oauth2.googleapis.com/token"


def key_file(token_uri: str = GOOGLE) -> dict[str, str]:
    """The content of a JSON key file as Google makes it."""
    return {
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "key-1",
        "private_key": PRIVATE_PEM,
        "client_email": "live@p1.iam.gserviceaccount.com",
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }


class Clock:
    """The time of day, set by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class TokenServer:
    """What the endpoint was asked, and what it answers.

    `gate` is closed to hold an answer back; `asked` is set when a request is there.
    """

    uri: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    answer: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    def body(self) -> bytes:
        if isinstance(self.answer, bytes):
            return self.answer
        if self.answer is not None:
            return json.dumps(self.answer).encode()
        token = f"ya29.token-{len(self.forms)}"
        answer = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return json.dumps(answer | {"scope": " ".join(VERTEX_SCOPES)}).encode()


@contextmanager
def token_endpoint() -> Iterator[TokenServer]:
    """A running token endpoint; it answers at once unless the gate is closed."""
    state = TokenServer()
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.forms.append({name: value[0] for name, value in parse_qs(body.decode()).items()})
            state.asked.set()
            state.gate.wait(10)
            answer = state.body()
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.uri = f"http://127.0.0.1:{server.server_address[1]}/token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()
