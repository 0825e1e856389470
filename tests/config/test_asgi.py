"""The ASGI application: what comes in by which path, over HTTP and over a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.testing import HttpCommunicator, WebsocketCommunicator
from django.db import OperationalError

from config.asgi import CollapseSlashes, application
from conversations import consumers
from conversations import protocol as p

PATIENCE_S = 20.0
HOST = [(b"host", b"localhost")]


class Recorder:
    """An ASGI application that keeps the scopes it was called with."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: object, send: object) -> None:
        self.scopes.append(scope)


async def unused(*_: object) -> Any:
    raise AssertionError("nothing is received or sent")


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("//ws//conversations/", "/ws/conversations/"),
        ("///a////b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("//", "/"),
    ],
)
async def test_slashes_collapse(kind: str, path: str, seen: str) -> None:
    recorder = Recorder()
    scope = {"type": kind, "path": path, "query_string": b"next=//x"}
    await CollapseSlashes(recorder)(scope, unused, unused)
    assert recorder.scopes == [{**scope, "path": seen}]
    assert scope["path"] == path, "the caller's scope is not changed"


async def test_a_scope_without_a_path_passes() -> None:
    recorder = Recorder()
    await CollapseSlashes(recorder)({"type": "lifespan"}, unused, unused)
    assert recorder.scopes == [{"type": "lifespan"}]


async def get(path: str) -> int:
    """Return the status of a GET."""
    request = HttpCommunicator(application, "GET", "/", headers=HOST)
    request.scope["path"] = path
    answer = await request.get_response(PATIENCE_S)
    await request.wait(PATIENCE_S)
    return int(answer["status"])


@asynccontextmanager
async def dial(path: str) -> AsyncIterator[WebsocketCommunicator]:
    socket = WebsocketCommunicator(application, "/", subprotocols=[p.SUBPROTOCOL])
    socket.scope["path"] = path
    assert await socket.connect(PATIENCE_S) == (True, p.SUBPROTOCOL)
    yield socket
    await socket.disconnect(timeout=PATIENCE_S)


async def receive(socket: WebsocketCommunicator) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.receive_from(PATIENCE_S))
    return message


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("//healthz", 200), ("/nowhere", 404)]
)
async def test_http_reaches_django(path: str, status: int) -> None:
    assert await get(path) == status


@pytest.mark.parametrize("path", ["/ws/nowhere/", "/", "/ws/conversations", "/ws/conversations/x"])
async def test_an_unknown_socket_path_gets_a_typed_refusal(path: str) -> None:
    async with dial(path) as socket:
        error = await receive(socket)
        assert (error["type"], error["code"], error["fatal"]) == ("error", "unknown-path", True)
        assert "/ws/conversations/" in error["fix"]
        closed = await socket.receive_output(PATIENCE_S)
        assert (closed["code"], closed["reason"]) == (p.Close.NOT_FOUND, "unknown-path")


@pytest.mark.parametrize("path", ["/ws/conversations/", "//ws///conversations/"])
async def test_the_conversations_socket_wants_to_be_opened(path: str) -> None:
    async with dial(path) as socket:
        await socket.send_to(text_data='{"type":"ping"}')
        assert (await receive(socket))["code"] == "not-started"


@pytest.mark.parametrize("error", [OperationalError("no connection"), TimeoutError()])
async def test_a_store_that_is_away_is_told_and_may_be_tried_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(consumers, "in_database", refuse)
    async with dial("/ws/conversations/") as socket:
        await socket.send_to(text_data='{"type":"start","agent":"any"}')
        told = await receive(socket)
        assert (told["code"], told["fatal"]) == ("store-away", True)
        assert told["retry_after_s"] > 0
        closed = await socket.receive_output(PATIENCE_S)
        assert (closed["code"], closed["reason"]) == (p.Close.OUR_FAULT, "store-away")
