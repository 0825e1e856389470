"""The page's connection without a socket, against answers that a test gives by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route

from conversations import protocol as p
from conversations.api.event_stream import as_event
from conversations.api.problems import body_of
from conversations.api.saying import NOT_YOURS, Said, refusal_of
from conversations.states import AgentState
from tests.static.modules import Modules
from tests.static.stand_in import API, CONVERSATION, PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

Answer = Callable[["Asked"], dict[str, Any]]

# Plays one connection until it is closed; `then` is said when so many messages have come.
PLAY = """({ HttpChannel }, { url, first, then }) => new Promise((done) => {
    const heard = [];
    const plain = { url, csrf: () => "token", key: null };
    const channel = new HttpChannel(plain);
    channel.onopen = () => channel.send(JSON.stringify(first));
    channel.onmessage = ({ data }) => {
        heard.push(JSON.parse(data));
        for (const message of then[heard.length] ?? []) {
            if (message === "close") channel.close(1000);
            else channel.send(message === "sound" ? new ArrayBuffer(8) : JSON.stringify(message));
        }
    };
    channel.onclose = ({ code }) => done({
        heard: heard.map(({ type }) => type), last: heard.at(-1), code, key: plain.key,
        state: channel.readyState,
    });
})"""
HELLO = p.Hello(conversation=CONVERSATION, agent=p.AgentCard(id="a", name="A"), simulated=True)
SNAPSHOT = p.Snapshot(epoch=1, seq=2, state=p.Picture(), ms=0)
START = {"type": "start", "agent": "a", "page": "me", "consent": "7", "wait": True}
RESUME = {"type": "resume", "conversation": "c", "epoch": 3, "seq": 9, "page": "me", "mode": "join"}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Api:
    """What the page asks, and what it gets; the last answer is given again."""

    js: Modules
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    posted: Answer = field(default=lambda asked: {"status": 204})
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition(API)[2]
        body = json.loads(request.post_data or "null")
        self.asked.append(Asked(request.method, path, await request.all_headers(), body))
        self.news.set()
        if "messages/" in path:
            await route.fulfill(**self.posted(self.asked[-1]))
            return
        give = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await route.fulfill(**give(self.asked[-1]))

    async def play(
        self, first: dict[str, Any], then: dict[int, list[Any]] | None = None
    ) -> dict[str, Any]:
        play = self.js.run("http-channel", PLAY, {"url": API, "first": first, "then": then or {}})
        played: dict[str, Any] = await asyncio.wait_for(play, PATIENCE_S)
        return played

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds; it is looked at after everything that is asked."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def paths(self, method: str) -> list[str]:
        return [each.path for each in self.asked if each.method == method]


@pytest_asyncio.fixture(loop_scope="module")
async def api(js: Modules) -> AsyncIterator[Api]:
    api = Api(js)
    pattern = f"**{API}**"
    await js.page.route(pattern, api.answer)
    yield api
    await js.page.unroute(pattern)


def stream(*messages: Any) -> Answer:
    body = b"".join(as_event(p.encode(message)) for message in messages)
    return lambda asked: {"status": 200, "content_type": "text/event-stream", "body": body}


# Nothing has happened since.
GOES_ON = stream(HELLO, p.Resumed(epoch=1, seq=2))


def changed(seq: int) -> p.AgentChanged:
    return p.AgentChanged(epoch=1, seq=seq, ms=0, state=AgentState.LISTENING)


def refused(status: int, body: dict[str, Any]) -> Answer:
    kind = "application/problem+json"
    return lambda asked: {"status": status, "content_type": kind, "body": json.dumps(body)}


def over(asked: Asked) -> dict[str, Any]:
    return {"status": 204}


async def test_one_is_begun_and_answer_follows_answer_unnoticed(api: Api) -> None:
    begun = {"status": 201, "json": {"id": CONVERSATION}}
    api.answers = [
        lambda asked: begun,
        stream(HELLO, SNAPSHOT),
        stream(HELLO, p.Resumed(epoch=1, seq=2), changed(3)),
        over,
    ]
    played = await api.play(START)
    assert (played["heard"], played["code"]) == (["hello", "snapshot", "event"], 1000)
    assert played["state"] == 3
    post, *gets = api.asked
    assert (post.method, post.path) == ("POST", "")
    assert post.body == {"agent": "a", "consent": "7"}
    assert post.headers["x-csrftoken"] == "token"
    assert post.headers["idempotency-key"] == played["key"]
    assert {each.path for each in gets} == {f"{CONVERSATION}/stream/?page=me&mode=take"}
    assert [each.headers.get("last-event-id") for each in gets] == [None, "1.2", "1.3"]


async def test_it_goes_on_from_what_the_page_holds(api: Api) -> None:
    api.answers = [stream(HELLO, SNAPSHOT, changed(3)), over]
    await api.play(RESUME)
    assert api.paths("GET")[0] == "c/stream/?page=me&mode=join"
    assert [each.headers["last-event-id"] for each in api.asked] == ["3.9", "1.3"]


async def test_what_is_said_is_posted_one_after_the_other(api: Api) -> None:
    said: list[Said] = [p.SendText(id="1", text="One"), p.SendText(id="2", text="Two"), p.End()]
    texts = [json.loads(p.encode(message)) for message in said]
    api.answers = [stream(HELLO, SNAPSHOT), GOES_ON]
    besides = [{"type": "ack", "frames": 2}, {"type": "audio-end"}, "sound", {"type": "ping"}]
    play = asyncio.create_task(api.play(RESUME, {2: [*besides, *texts], 3: []}))
    await api.until(lambda: len(api.paths("POST")) == len(texts))
    api.answers = [over]
    played = await play
    assert [each.body for each in api.asked if each.method == "POST"] == texts
    assert api.paths("POST") == ["c/messages/?page=me"] * 3
    assert played["heard"] == ["hello", "snapshot", "pong"]


async def test_a_refused_message_is_an_error_and_the_talk_goes_on(api: Api) -> None:
    error = refusal_of(NOT_YOURS)
    api.answers = [stream(HELLO, SNAPSHOT), GOES_ON]
    api.posted = refused(error.status_code, body_of(error))
    text = json.loads(p.encode(p.SendText(id="1", text="One")))
    played = await api.play(RESUME, {2: [text], 3: ["close"]})
    assert (played["last"]["code"], played["last"]["fatal"]) == ("read-only", False)
    assert played["code"] == 1000


@pytest.mark.parametrize(
    ("answer", "heard", "code"),
    [
        (refused(404, {"code": "unknown-conversation", "detail": "None. Go."}), ["error"], 4404),
        (refused(401, {"code": "not-authenticated", "detail": "Send a key."}), [], 4401),
        (refused(503, {"code": "server-draining", "detail": "Later."}), [], 1006),
        (lambda asked: {"status": 200, "content_type": "text/html", "body": "Pay"}, [], 1006),
        (stream(HELLO), ["hello"], 1006),
        (stream(), [], 1006),
        (
            lambda asked: {
                "status": 200,
                "content_type": "text/event-stream",
                "body": "data: {\n\n",
            },
            [],
            1006,
        ),
    ],
    ids=["unknown", "signed-out", "draining", "portal", "barren", "empty", "broken"],
)
async def test_what_is_no_stream_closes_as_a_socket_would(
    api: Api, answer: Answer, heard: list[str], code: int
) -> None:
    api.answers = [answer]
    played = await api.play(RESUME)
    assert (played["heard"], played["code"]) == (heard, code)


async def test_who_is_let_go_is_told_why_and_does_not_come_back(api: Api) -> None:
    error = p.Error(code="opened-elsewhere", message="It was opened.", fix="Take it.", fatal=True)
    api.answers = [stream(HELLO, SNAPSHOT, error)]
    played = await api.play(RESUME)
    assert (played["last"]["message"], played["code"]) == ("It was opened.", 4409)
    assert len(api.asked) == 1


async def test_a_network_that_is_gone_closes_it(api: Api) -> None:
    api.answers = [stream(HELLO, SNAPSHOT)]
    await api.js.page.route(f"**{API}**", lambda route: route.abort("internetdisconnected"))
    played = await api.play(RESUME)
    assert (played["heard"], played["code"]) == ([], 1006)


async def test_a_conversation_that_was_not_begun_is_asked_for_anew(api: Api) -> None:
    api.answers = [refused(503, {"code": "capacity-full", "detail": "All lines are busy. Wait."})]
    played = await api.play(START)
    assert (played["last"]["code"], played["code"]) == ("capacity-full", 4402)
    assert played["key"] is None
