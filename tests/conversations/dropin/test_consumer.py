"""The official SDKs, unmodified, hold conversations with our web and worker processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from google import genai
from google.genai import errors, types

from accounts.api_keys import create_api_key
from accounts.database import in_database
from accounts.tenancy import tenant_scope
from conversations.access_tokens import revoke
from conversations.models import AccessToken, Agent, Conversation, Turn
from conversations.states import ConversationState, EndReason, Speaker, TurnState
from live.simulator.speech import hear
from tests.conversations.dropin.conftest import Server, options
from tests.live.sdk.node import Driver, SdkError
from tests.live.sdk.test_python import BOOK_SLOT, CONFIG, booked, calls_of, say, turn_of
from tests.live.sdk.test_python import Turn as Heard

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("shared_database")]

MODEL = "gemini-3.8-live"
ENDS_WITHIN_S, TOLERANCE_S = 2.0, 2.0


def client(server: Server, key: str) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=server.tls_url))


def rows_of(agent: Agent) -> tuple[Conversation, list[Turn]]:
    """The newest conversation with its turns."""
    with tenant_scope(agent.tenant_id):
        conversation = Conversation.objects.filter(agent=agent).order_by("-id").first()
        assert conversation is not None
        return conversation, list(Turn.objects.filter(conversation=conversation).order_by("id"))


async def turns_of(agent: Agent, count: int) -> list[Turn]:
    """The newest conversation's turns; waits until so many are finished and stored."""
    async with asyncio.timeout(20):
        while True:
            _, turns = await in_database(rows_of, agent)
            if len(turns) == count and all(turn.state != TurnState.PARTIAL for turn in turns):
                return turns
            await asyncio.sleep(0.05)


async def test_python_talks_and_every_word_is_kept(trusting: Server, stage: Stage) -> None:
    talk = client(trusting, stage.key).aio.live.connect(model=MODEL, config=CONFIG)
    async with talk as session:
        await session.send_client_content(
            turns=types.Content(role="user", parts=[types.Part(text="Count to three.")])
        )
        typed = await turn_of(session)
        await say(session, "Hello, count to four")
        spoken = await turn_of(session)
    assert typed.said == hear(typed.sound, 24000) == "One, two, three."
    assert typed.tokens > 0
    assert "count to four" in spoken.understood.lower()
    assert "four" in spoken.said.lower()
    turns = await turns_of(stage.agent, 4)
    assert [(turn.speaker, turn.text) for turn in turns] == [
        (Speaker.USER, "Count to three."),
        (Speaker.AGENT, typed.said),
        (Speaker.USER, spoken.understood),
        (Speaker.AGENT, spoken.said),
    ]
    conversation, _ = await in_database(rows_of, stage.agent)
    assert conversation.state != ConversationState.ENDED


async def ended(agent: Agent) -> EndReason:
    """Why the newest conversation is over; waits for that."""

    def look() -> Conversation:
        return rows_of(agent)[0]

    async with asyncio.timeout(20):
        while not (row := await in_database(look)).has_ended:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return EndReason(row.end_reason)


async def test_javascript_talks_and_leaves_without_a_handle(
    server: Server, stage: Stage, driver: Driver
) -> None:
    config = {"responseModalities": ["AUDIO"], "outputAudioTranscription": {}}
    assert await driver.connect(options(server, stage.key), MODEL, config) == {}
    await driver.call("sendClientContent", turns="Count to three.")
    turn = await driver.turn()
    assert turn.said == hear(turn.sound, 24000) == "One, two, three."
    assert turn.tokens > 0
    assert turn.handle == ""
    await driver.close()
    assert await ended(stage.agent) == EndReason.USER_LEFT
    assert "BidiGenerateContent" in server.web.output
    assert stage.key.rpartition("_")[2] not in server.web.output


async def test_speaking_over_an_answer_interrupts_it(trusting: Server, stage: Stage) -> None:
    talk = client(trusting, stage.key).aio.live.connect(model=stage.agent.slug, config=CONFIG)
    async with talk as session:
        await session.send_realtime_input(text="Tell me a long story.")
        story, is_stopped = Heard(), False
        async for message in session.receive():
            story.take(message)
            if len(story.sound) > 48_000 and not is_stopped:
                is_stopped = True
                await say(session, "Stop! How much is the trail runner?")
        answer = await turn_of(session)
    assert story.interrupted
    assert story.complete
    assert answer.said.startswith("The Trail Runner costs 89.90 euros.")
    turns = await turns_of(stage.agent, 4)
    assert [turn.state for turn in turns if turn.speaker == Speaker.AGENT] == [
        TurnState.INTERRUPTED,
        TurnState.FINAL,
    ]


async def test_a_handle_goes_on_where_the_talk_was(trusting: Server, stage: Stage) -> None:
    sdk = client(trusting, stage.key)
    handle = ""
    async with sdk.aio.live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_realtime_input(text="The code word is owl.")
        async for message in session.receive():
            update = message.session_resumption_update
            handle = (update and update.new_handle) or handle
    resumption = types.SessionResumptionConfig(handle=handle)
    config = CONFIG.model_copy(update={"session_resumption": resumption})
    async with sdk.aio.live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(text="What is the code word?")
        turn = await turn_of(session)
    assert "owl" in turn.said
    turns = await turns_of(stage.agent, 4)
    assert [turn.text for turn in turns] == [
        "The code word is owl.",
        "I will remember it: the code word is owl.",
        "What is the code word?",
        turn.said,
    ]


def open_up(agent: Agent, *parts: str) -> None:
    with tenant_scope(agent.tenant_id):
        Agent.objects.filter(pk=agent.pk).update(open_to_callers=list(parts))


async def test_a_caller_answers_its_own_function(trusting: Server, stage: Stage) -> None:
    await in_database(open_up, stage.agent, "functions")
    config = CONFIG.model_copy(update={"tools": [types.Tool(function_declarations=[BOOK_SLOT])]})
    async with client(trusting, stage.key).aio.live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(text="Please book slot nine.")
        [call] = await calls_of(session)
        assert (call.name, call.args) == ("book_slot", {"hour": 9})
        await turn_of(session)
        await session.send_tool_response(function_responses=booked(call))
        turn = await turn_of(session)
    assert turn.said == "book_slot says: booked."


async def refusal_of(server: Server, key: str, model: str = MODEL, **config: object) -> str:
    sdk = client(server, key)
    with pytest.raises(errors.APIError) as refused:
        async with sdk.aio.live.connect(model=model, config=CONFIG.model_copy(update=config)) as s:
            await turn_of(s)
    return str(refused.value)


async def test_refusals_have_googles_words(trusting: Server, stage: Stage) -> None:
    wrong = await refusal_of(trusting, "prl_000000000000_" + "0" * 64)
    assert wrong.startswith("1007 None. API key not valid. Please pass a valid API key.")
    unknown = await refusal_of(trusting, stage.key, "gemini-9-live")
    assert unknown.startswith("1008 None. models/gemini-9-live is not found for API version v1,")
    handle = types.SessionResumptionConfig(handle="made-up")
    malformed = await refusal_of(trusting, stage.key, session_resumption=handle)
    assert malformed.startswith("1007 None. Invalid session handle")
    text = await refusal_of(trusting, stage.key, response_modalities=[types.Modality.TEXT])
    assert text.startswith("1007 None. The requested combination of response modalities (TEXT)")


# --- tokens ------------------------------------------------------------------------------

# What the SDK calls its own `auth_tokens`.
EXPERIMENTAL = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")


async def minter(stage: Stage) -> str:
    tenant = stage.cast.acme.tenant
    return (await in_database(create_api_key, tenant, "server", ["tokens"]))[1]


@EXPERIMENTAL
async def test_python_mints_and_talks_until_it_is_revoked(trusting: Server, stage: Stage) -> None:
    key = await minter(stage)
    constraints = types.LiveConnectConstraints(model="shop", config=CONFIG)
    wanted = types.CreateAuthTokenConfig(uses=1, live_connect_constraints=constraints)
    minted = await client(trusting, key).aio.auth_tokens.create(config=wanted)
    assert minted.name is not None
    token = client(trusting, minted.name)
    handle = ""
    async with token.aio.live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_realtime_input(text="The code word is owl.")
        async for message in session.receive():
            update = message.session_resumption_update
            handle = (update and update.new_handle) or handle
    with pytest.raises(errors.APIError, match=r"1011 None\. Token has been used too many times"):
        async with token.aio.live.connect(model=MODEL, config=CONFIG) as session:
            await turn_of(session)
    # Going on is no use of it.
    resumption = types.SessionResumptionConfig(handle=handle)
    config = CONFIG.model_copy(update={"session_resumption": resumption})
    async with token.aio.live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(text="What is the code word?")
        assert "owl" in (await turn_of(session)).said
        await in_database(revoke_all, stage.agent)
        async with asyncio.timeout(ENDS_WITHIN_S + TOLERANCE_S):
            with pytest.raises(errors.APIError, match="1008 None"):
                await turn_of(session)
    conversation, _ = await in_database(rows_of, stage.agent)
    assert conversation.access_token_id is not None
    assert minted.name.rpartition("_")[2] not in trusting.web.output + trusting.worker.output


def revoke_all(agent: Agent) -> None:
    with tenant_scope(agent.tenant_id):
        for token in AccessToken.objects.all():
            revoke(token, "system")


async def test_javascript_mints_and_talks(server: Server, stage: Stage, driver: Driver) -> None:
    key = await minter(stage)
    name = await driver.create_token(options(server, key), uses=2)
    config = {"responseModalities": ["AUDIO"], "outputAudioTranscription": {}}
    assert await driver.connect(options(server, name), "shop", config) == {}
    await driver.text("Count to three.")
    assert (await driver.turn()).said == "One, two, three."
    await driver.close()
    with pytest.raises(SdkError, match=r"permission|scope"):
        await driver.create_token(options(server, stage.key), uses=1)
    assert "BidiGenerateContentConstrained" in server.web.output
    assert name.rpartition("_")[2] not in server.web.output + server.worker.output


# --- what goes -----------------------------------------------------------------------------


async def test_a_server_that_goes_says_so_and_another_goes_on(
    trusting: Server, stage: Stage, driver: Driver
) -> None:
    """From uvicorn to daphne, whose logs never show the key in a query."""
    uvicorn = ["--server", "uvicorn", "--drain-timeout", "2"]
    going = await asyncio.to_thread(
        trusting.spawn, "web", "--port", "0", *uvicorn, ready="Serving on"
    )
    url = going.wait_for(r"Serving on (http://\S+)")[1]
    there = {"apiKey": stage.key, "httpOptions": {"baseUrl": url}}
    config: dict[str, Any] = {"responseModalities": ["AUDIO"], "sessionResumption": {}}
    await driver.connect(there, MODEL, config)
    await driver.text("The code word is owl.")
    handle = (await driver.turn()).handle
    models = f"{url}/v1/models?key={stage.key}"
    with await asyncio.to_thread(urlopen, models) as answer:
        assert answer.status == 200
    going.terminate()
    late, closed = await driver.end()
    [left] = [message["goAway"]["timeLeft"] for message in late if "goAway" in message]
    assert 0 < float(left.removesuffix("s")) <= 1.5
    assert (closed.code, closed.reason) == (1011, "The service is currently unavailable.")
    config["outputAudioTranscription"] = {}
    config["sessionResumption"] = {"handle": handle}
    await driver.connect(options(trusting, stage.key), MODEL, config)
    await driver.text("What is the code word?")
    assert "owl" in (await driver.turn()).said
    assert going.wait() == 0
    assert "/v1/models" in going.output
    assert stage.key.rpartition("_")[2] not in going.output + trusting.web.output


async def test_a_death_of_the_worker_is_an_interruption(trusting: Server, stage: Stage) -> None:
    talk = client(trusting, stage.key).aio.live.connect(model=MODEL, config=CONFIG)
    async with talk as session:
        await session.send_realtime_input(text="The code word is marmalade.")
        await turn_of(session)
        await asyncio.to_thread(trusting.spawn, "worker", ready="serves at")
        await session.send_realtime_input(text="Tell me a long story.")
        cut, is_dead = Heard(), False
        async for message in session.receive():
            cut.take(message)
            if len(cut.sound) > 600_000 and not is_dead:
                is_dead = True
                trusting.worker.kill()
        assert cut.interrupted
        assert cut.complete
        await session.send_realtime_input(text="What is the code word?")
        said = ""
        while "marmalade" not in said:
            said += (await turn_of(session)).said
    story = (await turns_of(stage.agent, 6))[3]
    assert story.state == TurnState.INTERRUPTED
    assert cut.said.startswith(story.text), "at most the last second of it is not kept"
