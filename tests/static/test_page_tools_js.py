"""Which tool calls the page makes, and the functions it has; run in Chromium."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from conversations import protocol as p
from tests.static.modules import Modules

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITH_TOOLS = """async (m, steps) => {
    const made = [];
    let settle;
    const functions = {
        clock: (args) => { made.push(args); return new Promise((done) => { settle = done; }); },
        refuse: () => { throw new m.CannotDo("Not today."); },
        break: () => { throw new Error("secret"); },
        big: () => ({text: "a".repeat(40000)}),
    };
    let answers = 0;
    const tools = new m.PageTools(functions, "me", () => { answers += 1; });
    const tool = (name, state, by = null) => ({call: "fc-1", name, state, by, args: {size: 42}});
    const asked = (name, state, by) => tools.due([tool(name, state, by)]);
    const answered = async (count) => { while (answers < count) await Promise.resolve(); };
"""


async def test_a_call_is_taken_and_then_made_once(js: Modules) -> None:
    script = f"""{WITH_TOOLS}
        const said = [asked("clock", "requested"), asked("clock", "requested")];
        tools.unsend();
        said.push(asked("clock", "requested"), asked("clock", "running", "me"));
        settle({{at: "noon"}});
        await answered(1);
        said.push(asked("clock", "running", "me"), asked("clock", "running", "me"));
        tools.unsend();
        said.push(asked("clock", "running", "me"), asked("clock", "succeeded"));
        said.push(asked("clock", "running", "me"));
        return [said, made];
    }}"""
    take = {"type": "tool-take", "call": "fc-1", "by": "me"}
    result = {"type": "tool-result", "call": "fc-1", "result": {"at": "noon"}}
    said, made = await js.run("page-tools", script)
    assert said == [[take], [], [take], [], [result], [], [result], [], []]
    assert made == [{"size": 42}]
    for message in (take, result):
        p.client_decoder.decode(json.dumps(message))


async def test_what_another_page_has_taken_is_left_alone(js: Modules) -> None:
    script = f"""{WITH_TOOLS}
        const said = [asked("clock", "requested"), asked("clock", "running", "other")];
        const reloaded = new m.PageTools(functions, "me", () => {{}});
        said.push(reloaded.due([tool("clock", "running", "me")]));
        return [said.slice(1), made];
    }}"""
    assert await js.run("page-tools", script) == [[[], []], []]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refuse", "Not today."),
        ("break", "The user's page could not do it."),
        ("big", "The result was too long to be sent."),
    ],
)
async def test_what_a_page_cannot_do_is_told_in_words(js: Modules, name: str, words: str) -> None:
    script = f"""{WITH_TOOLS}
        asked("{name}", "requested");
        asked("{name}", "running", "me");
        await answered(1);
        return asked("{name}", "running", "me");
    }}"""
    (message,) = await js.run("page-tools", script)
    assert message == {"type": "tool-result", "call": "fc-1", "error": words}


@pytest.mark.parametrize("name", ["nope", "toString", "__proto__"])
async def test_an_unknown_function_is_told_at_once(js: Modules, name: str) -> None:
    script = f"""{WITH_TOOLS} return asked("{name}", "requested"); }}"""
    (message,) = await js.run("page-tools", script)
    assert message["error"] == "The user's page does not know this function."
    p.client_decoder.decode(json.dumps(message))


async def test_a_call_that_is_taken_back_is_stopped(js: Modules) -> None:
    script = """async (m) => {
        let stopped;
        const wait = (args, stop) => { stopped = stop; return new Promise(() => {}); };
        const tools = new m.PageTools({wait}, "me", () => {});
        const tool = (state) => [{call: "fc-1", name: "wait", state, by: "me", args: {}}];
        for (const state of ["requested", "running", "cancelled"]) tools.due(tool(state));
        return stopped.aborted;
    }"""
    assert await js.run("page-tools", script) is True


async def test_the_pages_own_functions(js: Modules) -> None:
    script = """(m) => {
        const shown = [];
        const functions = m.pageFunctions((card) => shown.push(card));
        const refused = (card) => {
            try { m.cardOf(card); } catch (error) { return error.message; }
        };
        return {
            time: functions.get_local_time(),
            result: functions.show_card({title: "Shoes", link: "https://shop.example/1"}),
            shown,
            refused: [refused({}), refused({title: "a", link: "javascript:alert(1)"})],
        };
    }"""
    found = await js.run("page-functions", script)
    assert datetime.fromisoformat(found["time"]["time"]).tzinfo is not None
    assert found["result"] == {"shown": True}
    assert found["shown"] == [{"title": "Shoes", "text": "", "link": "https://shop.example/1"}]
    assert found["refused"] == [
        "A card needs a title or a text.",
        "A card's link has to begin with https://.",
    ]
