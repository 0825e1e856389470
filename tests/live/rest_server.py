"""A REST API on a real port that answers what a test tells it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """One request; `body` is its JSON, `None` without one."""

    method: str
    path: str
    headers: Message
    body: Any


@dataclass
class RestServer:
    """What the server was asked, and what it answers.

    `gate` is closed to hold an answer back; `arrived` is set when a request is there.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    status: int = 200
    answer: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def refuse(self, status: int, message: str, name: str = "", reason: str = "") -> None:
        """Answer with an error as Google writes it."""
        error: dict[str, Any] = {"code": status, "message": message, "status": name}
        if reason:
            error["details"] = [{"reason": reason}]
        self.status, self.answer = status, {"error": error}

    def body(self) -> bytes:
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


class _Handler(BaseHTTPRequestHandler):
    state: RestServer

    def handle_any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw) if raw else None
        self.state.asked.append(Asked(self.command, self.path, self.headers, body))
        self.state.arrived.set()
        self.state.gate.wait(10)
        answer = self.state.body()
        self.send_response(self.state.status)
        for name, value in self.state.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client has gone."""


@contextmanager
def rest_server() -> Iterator[RestServer]:
    """A running server; it answers at once unless the gate is closed."""
    state = RestServer()
    state.gate.set()
    handler = type("Handler", (_Handler,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()
