"""A tenant's server, on a real port of this machine: it answers what a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from accounts.egress import tls_context as new_tls_context
from conversations.tools.egress import Egress

HOST = "127.0.0.1"
tls_context = cache(new_tls_context)


@dataclass
class Asked:
    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Reply:
    """`hold` keeps the answer back until it is set; `drop` closes without one."""

    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    hold: threading.Event | None = None
    drop: bool = False


@dataclass
class Shop:
    """`replies` are given one after the other, the last one again and again."""

    url: str = ""
    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    asked: list[Asked] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def open_shop() -> Iterator[Shop]:
    shop = Shop()

    class Handler(_Handler):
        state = shop

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    shop.url = f"http://{HOST}:{server.server_address[1]}/stock"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Shop

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.state.asked.append(Asked(self.command, self.path, self.headers, body))
        reply = self.state.next_reply()
        self.state.arrived.set()
        if reply.hold is not None:
            reply.hold.wait(20)
        if reply.drop:
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Nothing: a test looks at `asked`."""


def egress(*hosts: str, private: tuple[str, ...] = (HOST, "localhost")) -> Egress:
    return Egress(frozenset(hosts or private), frozenset(private), tls_context())
