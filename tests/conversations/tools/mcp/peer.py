"""An MCP server over streamable HTTP, on a real port: JSON or event streams, with sessions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
ADD = {
    "name": "add",
    "description": "Add two numbers.",
    "inputSchema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}


@dataclass
class Peer:
    """`asked` has every JSON-RPC message with its headers. `gate` is closed to hold calls back."""

    url: str = ""
    tools: list[Any] = field(default_factory=lambda: [ADD])
    streams: bool = False
    version: str = "2025-06-18"
    page: int = 100  # tools on each page of a list
    sessions: set[str] = field(default_factory=set)
    refuse: int = 0  # answer everything with this status
    raw: bytes | None = None  # what is answered to a call, whatever it is
    asked: list[tuple[str, Message, Any]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    called: threading.Event = field(default_factory=threading.Event)
    told: threading.Event = field(default_factory=threading.Event)  # of a cancellation

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.asked]

    def result(self, method: str, params: Any) -> Any:
        if method == "initialize":
            return {"protocolVersion": self.version, "capabilities": {"tools": {}}}
        if method == "tools/list":
            begin = int(params.get("cursor", 0))
            end = begin + self.page
            more = {"nextCursor": str(end)} if end < len(self.tools) else {}
            return {"tools": self.tools[begin:end], **more}
        if params["name"] == "add":
            total = params["arguments"]["a"] + params["arguments"]["b"]
            return {
                "content": [{"type": "text", "text": str(total)}],
                "structuredContent": {"sum": total},
            }
        if params["name"] == "fail":
            return {"isError": True, "content": [{"type": "text", "text": "no luck"}]}
        return None


@contextmanager
def open_peer() -> Iterator[Peer]:
    peer = Peer()
    peer.gate.set()

    class Handler(_Handler):
        state = peer

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    peer.url = f"http://{HOST}:{server.server_address[1]}/mcp"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        peer.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Peer

    def do_POST(self) -> None:
        peer = self.state
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = message["method"]
        peer.asked.append((method, self.headers, message))
        if peer.refuse:
            self._send(peer.refuse, b"")
        elif method != "initialize" and self.headers["Mcp-Session-Id"] not in peer.sessions:
            self._send(404, b"")
        elif "id" not in message:
            self._send(202, b"")
            if method == "notifications/cancelled":
                peer.told.set()
        else:
            self._answer(message)

    def _answer(self, message: Any) -> None:
        peer, headers = self.state, {}
        if message["method"] == "initialize":
            session = f"s{len(peer.sessions) + 1}"
            peer.sessions.add(session)
            headers["Mcp-Session-Id"] = session
        if message["method"] == "tools/call":
            peer.called.set()
            peer.gate.wait(20)
        result = peer.result(message["method"], message["params"])
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        answer |= (
            {"result": result}
            if result is not None
            else {"error": {"code": -32602, "message": "Unknown tool: nope"}}
        )
        body = json.dumps(answer).encode()
        if message["method"] == "tools/call" and peer.raw is not None:
            body = peer.raw
        if peer.streams:
            first = (
                b'event: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\r\n'
            )
            body = b": hello\r\n" + first + b"\r\nid: 1\r\ndata: " + body + b"\r\n\r\n"
        headers["Content-Type"] = "text/event-stream" if peer.streams else "application/json"
        self._send(200, body, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return  # nobody waits any more

    def log_message(self, *_: object) -> None:
        """Nothing: a test looks at `asked`."""
