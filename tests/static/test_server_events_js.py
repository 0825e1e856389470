"""Server-sent events as the page reads them, and what of them is news."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import protocol as p
from conversations.api.event_stream import GREETING, QUIET, as_event
from conversations.states import AgentState
from tests.static.modules import Modules

pytestmark = pytest.mark.asyncio(loop_scope="module")

READ = """({ EventReader }, pieces) => {
    const reader = new EventReader();
    return pieces.flatMap((piece) => reader.push(piece).map(({ id, data }) => [id, data]));
}"""
TELL = """({ Story }, answers) => {
    const story = new Story("1.4");
    const heard = answers.map((events) => {
        story.begin();
        const news = events.filter(([id, message]) => story.isNews(id, message));
        return news.map(([, { type }]) => type);
    });
    const { place, barren, isQuiet, isOver } = story;
    return { heard, place, barren, isQuiet, isOver };
}"""
FRAMES = [
    p.encode(p.Pong()),
    p.encode(p.Resumed(epoch=1, seq=4)),
    p.encode(p.AgentChanged(epoch=1, seq=5, ms=9, state=AgentState.LISTENING)),
]
AGENT = ["1.5", {"type": "event", "kind": "agent"}]
HELLO = ["", {"type": "hello"}]
RESUMED = ["1.4", {"type": "resumed"}]
WAITING = ["", {"type": "waiting"}]


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_what_the_server_writes_is_read_in_any_pieces(js: Modules, size: int) -> None:
    text = b"".join([GREETING, QUIET, *map(as_event, FRAMES)]).decode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    read = await js.run("server-events", READ, pieces)
    assert read == [
        [place, frame.decode()] for place, frame in zip(["", "1.4", "1.5"], FRAMES, strict=True)
    ]


async def test_lines_may_end_otherwise_and_data_have_several(js: Modules) -> None:
    read = await js.run("server-events", READ, ["id: 1.2\r\ndata: a: b\r\ndata:c\r\n\r\ndata: cut"])
    assert read == [["1.2", "a: b\nc"]]


async def tell(js: Modules, *answers: list[Any]) -> dict[str, Any]:
    told: dict[str, Any] = await js.run("server-events", TELL, answers)
    return told


async def test_that_another_answer_begins_is_no_news(js: Modules) -> None:
    told = await tell(js, [HELLO, RESUMED, AGENT], [HELLO, RESUMED])
    assert told["heard"] == [["hello", "resumed", "event"], []]
    assert (told["place"], told["barren"], told["isQuiet"]) == ("1.4", 0, True)
    assert (await tell(js, [HELLO, RESUMED], [HELLO, AGENT]))["isQuiet"] is False


async def test_that_it_goes_on_after_waiting_is_news(js: Modules) -> None:
    told = await tell(js, [HELLO, RESUMED, WAITING], [HELLO, WAITING, RESUMED])
    assert told["heard"] == [["hello", "resumed", "waiting"], ["waiting", "resumed"]]


async def test_answers_that_tell_nothing_are_counted(js: Modules) -> None:
    assert (await tell(js, [HELLO], [HELLO], []))["barren"] == 3


async def test_an_error_that_is_fatal_ends_the_story(js: Modules) -> None:
    passing = ["", {"type": "error", "fatal": False}]
    assert (await tell(js, [HELLO, passing]))["isOver"] is False
    fatal = ["", {"type": "error", "fatal": True}]
    assert (await tell(js, [HELLO, fatal]))["isOver"] is True
