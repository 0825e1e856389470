"""The reading of Parley's events; the whole talk is in the command's tests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from accounts.database import in_database
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.chat.parley import NO_FUNCTION, ParleyTalk, Reading, open_talk, socket_address
from conversations.chat.talk import ChatError, Note
from conversations.models import Agent, ToolCall
from conversations.states import AgentState, EndReason, Speaker, ToolKind, TurnState
from live import Event, InputTranscript, Interrupted, OutputTranscript, TurnComplete
from tests.children import Children
from tests.conversations.tools.rows import make_tool

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

AT: dict[str, Any] = {"epoch": 1, "seq": 1, "ms": 0}


def read(*events: p.Event) -> list[Event]:
    reading = Reading()
    return [found for event in events for found in reading.events_of(event)]


def test_both_sides_words_and_the_end_of_the_answer() -> None:
    assert read(
        p.TurnStarted(turn="1.1", speaker=Speaker.USER, **AT),
        p.TurnText(turn="1.1", text="Hello", **AT),
        p.TurnEnded(turn="1.1", state=TurnState.FINAL, **AT),
        p.TurnStarted(turn="1.2", speaker=Speaker.AGENT, **AT),
        p.TurnText(turn="1.2", text="Hi", **AT),
        p.TurnEnded(turn="1.2", state=TurnState.FINAL, **AT),
    ) == [InputTranscript("Hello"), OutputTranscript("Hi"), TurnComplete()]


def test_what_was_typed_is_not_said_again() -> None:
    started = p.TurnStarted(turn="1.1", speaker=Speaker.USER, ref="chat-1", **AT)
    assert read(started, p.TurnText(turn="1.1", text="Hello", **AT)) == []


def test_what_happens_beside_the_words() -> None:
    assert read(
        p.Interrupted(stream=1, **AT),
        p.TurnStarted(turn="1.2", speaker=Speaker.AGENT, **AT),
        p.TurnEnded(turn="1.2", state=TurnState.FAILED, **AT),
        p.Notice(code="fresh", text="It began anew.", **AT),
        p.Ended(reason=EndReason.IDLE_LIMIT, **AT),
    ) == [
        Interrupted(),
        Note("the answer failed"),
        TurnComplete(),
        Note("It began anew."),
        Note("the conversation has ended: idle-limit"),
    ]


def test_an_answer_that_a_snapshot_shows_no_more_is_over() -> None:
    reading = Reading()
    reading.events_of(p.TurnStarted(turn="1.2", speaker=Speaker.AGENT, **AT))
    assert reading.events_after(p.Picture(agent=AgentState.LISTENING)) == [TurnComplete()]
    assert reading.events_after(p.Picture(agent=AgentState.LISTENING)) == []


def test_the_address_of_the_socket() -> None:
    assert socket_address("https://p.example/") == "wss://p.example/ws/conversations/"
    assert socket_address("http://127.0.0.1:8000") == "ws://127.0.0.1:8000/ws/conversations/"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://p.example", "unencrypted"),
        ("http://[", "cannot be read"),
        ("p.example", "no http"),
        ("ws://p.example", "no http"),
    ],
)
def test_addresses_that_would_not_do(url: str, complaint: str) -> None:
    with pytest.raises(ChatError, match=complaint):
        socket_address(url)


async def test_nobody_listens() -> None:
    with pytest.raises(ChatError, match="cannot be reached"):
        await open_talk("http://127.0.0.1:1", "agent", "key")


async def answer(talk: ParleyTalk) -> str:
    said = ""
    async with asyncio.timeout(30):
        while True:
            for event in await talk.receive():
                if isinstance(event, OutputTranscript):
                    said += event.text
                if isinstance(event, TurnComplete):
                    return said


def set_up_page_tool(agent: Agent) -> None:
    with tenant_scope(agent.tenant_id):
        make_tool(agent, "look_up", description="Look something up.", kind=ToolKind.CLIENT)


def responses(agent: Agent) -> list[Any]:
    with tenant_scope(agent.tenant_id):
        return list(ToolCall.objects.values_list("response", flat=True))


@pytest.mark.timeout(90)
async def test_it_goes_on_with_the_next_server(stage: Stage, spawn: Children) -> None:
    """Also what is typed while there is none. A function that is not known here is answered."""
    await in_database(set_up_page_tool, stage.agent)
    spawn("worker", ready="serves at")
    first = spawn("web", "--port", "0", "--drain-timeout", "1", ready="Serving on")
    url = first.wait_for(r"Serving on (http://\S+)").group(1)
    talk = await open_talk(url, str(stage.agent.pk), stage.key)
    await talk.send_text("The code word is owl.")
    await answer(talk)
    first.terminate()
    await asyncio.to_thread(first.wait)
    await talk.send_text("What is the code word?")
    port = url.rpartition(":")[2]
    coming = asyncio.create_task(answer(talk))
    await asyncio.to_thread(spawn, "web", "--port", port, ready="Serving on")
    assert "owl" in await coming
    await talk.send_text("Please look up size 42")
    await answer(talk)
    await talk.close()
    [response] = await in_database(responses, stage.agent)
    assert response["error"]["message"] == NO_FUNCTION
