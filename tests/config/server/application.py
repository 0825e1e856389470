"""An ASGI application that does what the tests of the servers need, and a program to serve it.

Run as `python application.py OPTIONS`, with the options as one JSON object.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from config.logging import configure
from config.server import Endpoint, Hooks, limits, serve

MEBIBYTE = 1024 * 1024
FLOOD_MESSAGES = 100

memory: ContextVar[str] = ContextVar("memory", default="nothing")


class Progress:
    """What `/progress` tells: how far a socket came, and for how long it has been waiting."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = False
        self.error = ""
        self.disconnect: dict[str, Any] = {}
        self.moved_at = time.monotonic()

    def move(self, by: int = 1) -> None:
        self.count += by
        self.moved_at = time.monotonic()

    def report(self) -> dict[str, Any]:
        waiting = time.monotonic() - self.moved_at
        return {
            "count": self.count,
            "waiting": waiting,
            "ended": self.ended,
            "error": self.error,
            "disconnect": self.disconnect,
        }


class Application:
    """What a path asks for: `/flood/<name>`, `/hold/<name>`, `/close/<code>` and so on."""

    def __init__(self) -> None:
        self.progress: dict[str, Progress] = {}
        self.released: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind, _, name = scope["path"].strip("/").partition("/")
        routes = {"http": HTTP_ROUTES, "websocket": SOCKET_ROUTES}[scope["type"]]
        await routes[kind](self, name, scope, receive, send)

    def of(self, name: str) -> Progress:
        return self.progress.setdefault(name, Progress())

    def released_event(self, name: str) -> asyncio.Event:
        return self.released.setdefault(name, asyncio.Event())

    # HTTP ---------------------------------------------------------------------------

    async def tell_progress(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 200, json.dumps(self.of(name).report()).encode())

    async def release(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        self.released_event(name).set()
        await respond(send, 200, b"")

    async def tell_path(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 200, scope["path"].encode())

    async def stream(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(FLOOD_MESSAGES):
            body = {"type": "http.response.body", "body": bytes(MEBIBYTE), "more_body": True}
            await send(body)
            self.of(name).move()
        await send({"type": "http.response.body", "body": b""})

    async def remember(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        """Answer with what an earlier request left in this context, and leave the name there."""
        before = memory.get()
        memory.set(name)
        await respond(send, 200, before.encode())

    async def fail(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(f"no luck with {scope['path']}?{scope['query_string'].decode()}")

    async def size(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            event = await receive()
            size += len(event.get("body", b""))
            more = event.get("more_body", False)
        await respond(send, 200, b"%d" % size)

    # Sockets ------------------------------------------------------------------------

    async def close_with(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        """Take one message and close with the code in the path and the reason in the query."""
        await accept(receive, send)
        await receive()
        query = parse_qs(scope["query_string"].decode())
        reason = query.get("reason", ["API key not valid. Please pass a valid API key."])[0]
        code = int(name.partition("/")[0])
        await send({"type": "websocket.close", "code": code, "reason": reason})
        self.of("close").disconnect = await receive()

    async def echo(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await accept(receive, send)
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})
        self.of(name).disconnect = event
        self.of(name).ended = True

    async def flood(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        """Send 100 MiB, a mebibyte at a time."""
        await accept(receive, send)
        try:
            for _ in range(FLOOD_MESSAGES):
                await send({"type": "websocket.send", "bytes": bytes(MEBIBYTE)})
                self.of(name).move()
            if scope["query_string"] == b"then=wait":
                await receive()
            await send({"type": "websocket.close"})
        except OSError as error:
            self.of(name).error = type(error).__name__
            raise
        finally:
            self.of(name).ended = True

    async def hold(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        """Take no message until `/release/<name>`; then count their bytes until "end"."""
        await accept(receive, send)
        await self.released_event(name).wait()
        while (event := await receive()).get("text") != "end":
            self.of(name).move(len(event["bytes"]))
        await send({"type": "websocket.send", "text": str(self.of(name).count)})
        await send({"type": "websocket.close"})

    async def linger(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        """Go on until the client says a word, whatever the server does."""
        await accept(receive, send)
        await send({"type": "websocket.send", "text": "running"})
        event = await receive()
        self.of(name).disconnect = event
        await send({"type": "websocket.send", "text": "done"})
        await send({"type": "websocket.close", "code": 1000, "reason": "ended by itself"})

    async def refuse(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if name == "close":
            await send({"type": "websocket.close"})
            return
        headers = [(b"retry-after", b"7")]
        start = {"type": "websocket.http.response.start", "status": 429, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"later"})

    async def crash(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await accept(receive, send)
        raise RuntimeError("no luck")

    async def leave(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        await accept(receive, send)

    async def describe(self, name: str, scope: Any, receive: Any, send: Any) -> None:
        """Send what the handshake told, and an empty message."""
        await receive()
        headers = [(b"x-one", b"1"), (b"x-two", b"2")]
        first = next(iter(scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "subprotocol": first, "headers": headers})
        await send({"type": "websocket.send", "text": ""})
        told = {name: scope[name] for name in ("path", "scheme", "client", "subprotocols")}
        await send({"type": "websocket.send", "text": json.dumps(told)})
        await send({"type": "websocket.close"})


HTTP_ROUTES = {
    "progress": Application.tell_progress,
    "release": Application.release,
    "path": Application.tell_path,
    "stream": Application.stream,
    "remember": Application.remember,
    "fail": Application.fail,
    "size": Application.size,
}
SOCKET_ROUTES = {
    "close": Application.close_with,
    "echo": Application.echo,
    "flood": Application.flood,
    "hold": Application.hold,
    "linger": Application.linger,
    "refuse": Application.refuse,
    "crash": Application.crash,
    "leave": Application.leave,
    "describe": Application.describe,
}


async def accept(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def respond(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def say(word: str, **details: Any) -> None:
    sys.stdout.write(json.dumps({"said": word, **details}) + "\n")
    sys.stdout.flush()


def main(options: dict[str, Any]) -> None:
    configure({"level": "DEBUG"})
    if "ping" in options:
        # Read by the server's modules when they are first imported, in `serve`.
        limits.PING_INTERVAL, limits.PING_TIMEOUT = options["ping"]
    application = Application()

    async def on_ready() -> None:
        say("ready")
        if options.get("fail_ready"):
            raise RuntimeError("the worker did not start")

    async def on_drain() -> None:
        say("draining")
        if options.get("fail_drain"):
            raise RuntimeError("the worker did not stop")

    async def on_end() -> None:
        say("empty")

    def announce(urls: Sequence[str]) -> None:
        say("serving", urls=urls)

    endpoints = [Endpoint()]
    if "certificate" in options:
        endpoints.append(
            Endpoint(certificate=Path(options["certificate"]), key=Path(options["key"]))
        )
    serve(
        application,
        server=options["server"],
        endpoints=endpoints,
        hooks=Hooks(
            on_ready,
            on_drain,
            announce,
            options.get("drain_timeout", 20.0),
            on_signal=lambda: say("leaving"),
            notice=options.get("notice", 0.0),
            on_end=on_end,
        ),
    )
    say("ended")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
