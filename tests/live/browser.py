"""A browser that goes to an address, and is sent on."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit


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
