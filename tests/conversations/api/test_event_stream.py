"""A conversation over plain HTTP: events by one request, each message by another one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any

import pytest

from accounts.database import in_database
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.api.event_stream import as_event, place_of
from conversations.models import Agent, Turn
from conversations.states import ConversationState, Speaker
from tests.children import Children
from tests.conversations.client import dial
from tests.conversations.page import Page

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("shared_database")]


def test_an_event_carries_its_place() -> None:
    ended = p.encode(p.Resumed(epoch=2, seq=7))
    assert as_event(ended) == b"id: 2.7\nevent: resumed\ndata: %b\n\n" % ended
    pong = p.encode(p.Pong())
    assert as_event(pong) == b"event: pong\ndata: %b\n\n" % pong


@pytest.mark.parametrize(
    ("header", "place"), [("3.14", (3, 14)), ("", (0, 0)), ("x", (0, 0)), ("1.2.3", (0, 0))]
)
def test_a_place_is_read_back(header: str, place: tuple[int, int]) -> None:
    assert place_of(header) == place


# --- with real processes ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    spawn = Children()
    try:
        spawn("worker", ready="serves at")
        web = spawn("web", "--port", "0", ready="Serving on")
        yield web.wait_for(r"Serving on http://(\S+)").group(1)
    finally:
        spawn.stop()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@dataclass
class Stream:
    """One answer, as an EventSource reads it. `last` is the id of the last event."""

    response: HTTPResponse
    events: list[dict[str, Any]] = field(default_factory=list)
    last: str = ""

    def read_until(self, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for line in iter(self.response.readline, b""):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.last = value
            elif name == "data":
                self.events.append(json.loads(value))
                if done(self.events[-1]):
                    return self.events[-1]
        raise AssertionError(f"the answer ended: {self.events[-3:]}")


@dataclass
class Program:
    """Something that holds an API key, and may not use sockets."""

    host: str
    key: str
    conversation: str
    connections: ExitStack = field(default_factory=ExitStack)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        connection = HTTPConnection(self.host, timeout=30)
        self.connections.callback(connection.close)
        headers |= {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        address = f"/api/v1/conversations/{self.conversation}/{path}"
        connection.request(method, address, body and json.dumps(body), headers)
        return self.connections.enter_context(connection.getresponse())

    def stream(self, how: str = "?page=me", after: str = "") -> Stream:
        place = {"Last-Event-ID": after} if after else {}
        answer = self.ask("GET", f"stream/{how}", Accept="text/event-stream", **place)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
        return Stream(answer)

    def say(self, message: p.ClientMessage, page: str = "me") -> tuple[int, Any]:
        answer = self.ask("POST", f"messages/?page={page}", json.loads(p.encode(message)))
        text = answer.read()
        return answer.status, json.loads(text) if text else None


def is_answered(event: dict[str, Any]) -> bool:
    return event.get("kind") == "progress" and event["stage"] == "complete"


async def test_a_talk_without_a_socket(stage: Stage, server: str, stack: ExitStack) -> None:
    conversation = await stage.new_conversation()
    program = Program(server, stage.key, str(conversation.pk), stack)
    await asyncio.to_thread(talk, program)
    said = await in_database(said_in, stage.agent)
    assert said == [
        (Speaker.USER, "The code word is owl."),
        (Speaker.AGENT, "I will remember it: the code word is owl."),
        (Speaker.USER, "What is the code word?"),
        (Speaker.AGENT, said[3][1]),
    ]
    assert "owl" in said[3][1]


def said_in(agent: Agent) -> list[tuple[str, str]]:
    with tenant_scope(agent.tenant_id):
        return list(Turn.objects.order_by("id").values_list("speaker", "text"))


def talk(program: Program) -> None:
    stream = program.stream()
    assert stream.read_until(lambda event: True)["type"] == "hello"
    assert program.say(p.SendText(id="1", text="The code word is owl.")) == (204, None)
    assert program.say(p.SendText(id="1", text="The code word is owl.")) == (204, None)
    stream.read_until(is_answered)
    stream.response.close()
    assert program.say(p.SendText(id="2", text="What is the code word?")) == (204, None)
    again = program.stream(after=stream.last)
    again.read_until(is_answered)
    assert again.events[1]["type"] == "resumed"
    assert not any(event["type"] == "snapshot" for event in again.events)
    assert program.say(p.End()) == (204, None)
    assert again.read_until(lambda event: event.get("kind") == "ended")["reason"] == "user-left"
    status, problem = program.say(p.SendText(id="3", text="Are you there?"))
    assert (status, problem["code"]) == (409, "conversation-ended")
    over = program.ask("GET", "stream/", **{"Last-Event-ID": again.last})
    assert over.status == 204, "a browser does not come back after that"


async def test_it_is_one_page_among_others(stage: Stage, server: str, stack: ExitStack) -> None:
    """A socket has the conversation: the stream looks on, and what is posted is not heard."""
    page = Page()
    async with dial(f"http://{server}", page=page) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        [hello] = [message for message in page.messages if isinstance(message, p.Hello)]
        program = Program(server, stage.key, hello.conversation, stack)
        stream = await asyncio.to_thread(program.stream)
        role = await asyncio.to_thread(stream.read_until, lambda e: e["type"] == "presence")
        assert role["role"] == "observer"
        status, problem = await asyncio.to_thread(program.say, p.SendText(id="1", text="Hello"))
        assert (status, problem["code"]) == (409, "read-only")
        taken = await asyncio.to_thread(program.stream, "?page=me&mode=take")
        assert await client.closed() == (p.Close.OPENED_ELSEWHERE, "opened-elsewhere")
        await asyncio.to_thread(taken.read_until, lambda e: e["type"] == "presence")
        assert (await asyncio.to_thread(program.say, p.Stay())) == (204, None)


async def test_refusals_are_problems(stage: Stage, server: str, stack: ExitStack) -> None:
    conversation = await stage.new_conversation()
    program = Program(server, stage.key, str(conversation.pk), stack)

    def ask() -> list[tuple[int, str]]:
        answers = [
            program.ask("GET", "stream/?mode=steal"),
            program.ask("POST", "messages/", {"type": "ack", "frames": 1}),
            replace(program, conversation=str(stage.agent.pk)).ask("GET", "stream/"),
            replace(program, key="prl_x").ask("POST", "messages/", {}),
        ]
        return [(answer.status, json.loads(answer.read())["code"]) for answer in answers]

    assert await asyncio.to_thread(ask) == [
        (400, "invalid-request"),
        (400, "bad-message"),
        (404, "unknown-conversation"),
        (401, "invalid-api-key"),
    ]
