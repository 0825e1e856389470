"""The unmodified official Python SDK, which only dials TLS, talks with the simulator."""

import pytest
from google import genai
from google.genai import types
from google.genai.live import AsyncSession
from google.oauth2 import service_account

from live.simulator import Script, Simulator
from live.simulator.scenario import GoAway, Step
from live.simulator.speech import hear, speak
from tests.live.sdk.versions import ENDS, OLD, SHOWS_ACTIVITY, activity_of, end_of

MODEL = "gemini-3.8-live"
CONFIG = types.LiveConnectConfig(
    response_modalities=[types.Modality.AUDIO],
    input_audio_transcription=types.AudioTranscriptionConfig(),
    output_audio_transcription=types.AudioTranscriptionConfig(),
    session_resumption=types.SessionResumptionConfig(),
)
BOOK_SLOT = types.FunctionDeclaration(
    name="book_slot",
    description="Books a slot",
    parameters=types.Schema(
        type=types.Type.OBJECT,
        properties={"hour": types.Schema(type=types.Type.INTEGER)},
    ),
)


def client(simulator: Simulator, key: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=simulator.tls_url)
    return genai.Client(api_key=key or simulator.api_key, http_options=options)


class Turn:
    """What one turn of `receive()` brought."""

    def __init__(self) -> None:
        self.sound = b""
        self.understood = self.said = ""
        self.interrupted = self.complete = False
        self.tokens = 0
        self.activity: list[str] = []

    def take(self, message: types.LiveServerMessage) -> None:
        self.sound += message.data or b""
        self.activity += activity_of(message)
        if message.usage_metadata:
            self.tokens = message.usage_metadata.total_token_count or 0
        content = message.server_content
        if content is None:
            return
        self.interrupted |= bool(content.interrupted)
        self.complete |= bool(content.turn_complete)
        if content.input_transcription:
            self.understood += content.input_transcription.text or ""
        if content.output_transcription:
            self.said += content.output_transcription.text or ""


async def turn_of(session: AsyncSession) -> Turn:
    turn = Turn()
    async for message in session.receive():
        turn.take(message)
    return turn


async def say(session: AsyncSession, text: str) -> None:
    sound = speak(text, 16000) + bytes(2 * 16000)
    for start in range(0, len(sound), 3200):
        blob = types.Blob(data=sound[start : start + 3200], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)


async def test_a_typed_conversation(simulator: Simulator) -> None:
    async with client(simulator).aio.live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_client_content(
            turns=types.Content(role="user", parts=[types.Part(text="Count to three.")])
        )
        first = await turn_of(session)
        await session.send_realtime_input(text="The code word is owl.")
        second = await turn_of(session)
    assert first.said == hear(first.sound, 24000) == "One, two, three."
    assert first.complete
    assert first.tokens > 0
    assert second.said == "I will remember it: the code word is owl."


async def test_a_spoken_conversation_with_an_interruption(simulator: Simulator) -> None:
    async with client(simulator).aio.live.connect(model=MODEL, config=CONFIG) as session:
        await say(session, "Tell me a long story.")
        story, stopped = Turn(), False
        async for message in session.receive():
            story.take(message)
            if len(story.sound) > 48000 and not stopped:
                stopped = True
                await say(session, "Stop! How much is the trail runner?")
        answer = await turn_of(session)
    assert story.understood == "Tell me a long story."
    assert not SHOWS_ACTIVITY or story.activity[:2] == ["ACTIVITY_START", "ACTIVITY_END"]
    assert story.interrupted
    assert story.complete
    assert answer.understood == "Stop! How much is the trail runner?"
    assert answer.said.startswith("The Trail Runner costs 89.90 euros.")
    assert hear(answer.sound, 24000) == answer.said


async def test_a_wrong_key_a_wrong_model_and_text(simulator: Simulator) -> None:
    text = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT])
    for key, model, config, code, start in (
        ("wrong", MODEL, CONFIG, 1007, "API key not valid."),
        (None, "gemini-9-live", CONFIG, 1008, "models/gemini-9-live is not found"),
        (None, MODEL, text, 1007, "The requested combination of response modalities"),
    ):
        with pytest.raises(ENDS) as caught:
            async with client(simulator, key).aio.live.connect(model=model, config=config):
                pass
        assert end_of(caught.value)[0] == code
        assert end_of(caught.value)[1].startswith(start)


async def test_a_service_account_on_vertex(threaded: Simulator) -> None:
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        threaded.service_account_info(),
        scopes=["https://www.googleapis.com/auth/cloud-platform"],
    )
    vertex = genai.Client(
        vertexai=True,
        project="p",
        location="us-central1",
        credentials=credentials,
        http_options=types.HttpOptions(base_url=threaded.tls_url),
    )
    async with vertex.aio.live.connect(model=MODEL, config=CONFIG) as session:
        assert OLD or session.session_id
        await session.send_realtime_input(text="Say yes.")
        turn = await turn_of(session)
    assert turn.said == "yes."
    assert turn.tokens > 0


def with_tools(*functions: types.FunctionDeclaration) -> types.LiveConnectConfig:
    return CONFIG.model_copy(update={"tools": [types.Tool(function_declarations=list(functions))]})


async def calls_of(session: AsyncSession) -> list[types.FunctionCall]:
    async for message in session.receive():
        if message.tool_call and message.tool_call.function_calls:
            return message.tool_call.function_calls
    return []


def booked(
    call: types.FunctionCall, scheduling: types.FunctionResponseScheduling | None = None
) -> types.FunctionResponse:
    return types.FunctionResponse(
        id=call.id, name=call.name, response={"output": "booked"}, scheduling=scheduling
    )


async def test_a_tool_call_and_its_response(simulator: Simulator) -> None:
    config = with_tools(BOOK_SLOT, types.FunctionDeclaration(name="look_up"))
    async with client(simulator).aio.live.connect(model=MODEL, config=config) as session:
        await say(session, "Please book slot nine, and look up.")
        first, second = await calls_of(session)
        assert (first.name, first.args) == ("book_slot", {"hour": 9})
        assert (second.name, second.args) == ("look_up", {})
        await turn_of(session)
        silent = types.FunctionResponseScheduling.SILENT
        responses = [booked(second, silent), booked(first)]
        await session.send_tool_response(function_responses=responses)
        turn = await turn_of(session)
    assert turn.said == "book_slot says: booked."


async def test_a_blocking_call_is_cancelled_by_an_interruption(simulator: Simulator) -> None:
    blocking = BOOK_SLOT.model_copy(update={"behavior": types.Behavior.BLOCKING})
    config = with_tools(blocking)
    async with client(simulator).aio.live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(text="book_slot")
        [call] = await calls_of(session)
        await session.send_realtime_input(text="Say never mind.")
        cancelled: list[str] = []
        async for message in session.receive():
            if message.tool_call_cancellation:
                cancelled += message.tool_call_cancellation.ids or []
        turn = await turn_of(session)
    assert cancelled == [call.id]
    assert turn.said == "never mind."


async def test_manual_activity_signals(simulator: Simulator) -> None:
    detection = types.AutomaticActivityDetection(disabled=True)
    realtime = types.RealtimeInputConfig(automatic_activity_detection=detection)
    config = CONFIG.model_copy(update={"realtime_input_config": realtime})
    async with client(simulator).aio.live.connect(model=MODEL, config=config) as session:
        await say(session, "Nobody listens yet.")
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await say(session, "Say manual.")
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        turn = await turn_of(session)
    assert (turn.understood, turn.said) == ("Say manual.", "manual.")
    assert turn.activity == []


async def test_a_session_goes_on_across_a_forced_go_away(simulator: Simulator) -> None:
    simulator.script(Script(steps=(Step(do=GoAway(time_left=20), at="turn"),)))
    live, handle = client(simulator).aio.live, ""
    async with live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_realtime_input(text="The code word is owl.")
        async for message in session.receive():
            if message.session_resumption_update:
                handle = message.session_resumption_update.new_handle or handle
        left = await go_away_of(session)
    resumption = types.SessionResumptionConfig(handle=handle)
    config = CONFIG.model_copy(update={"session_resumption": resumption})
    async with live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(text="What is the code word?")
        turn = await turn_of(session)
    assert left == "20s"
    assert turn.said == "The code word is owl."


async def go_away_of(session: AsyncSession) -> str:
    async for message in session.receive():
        if message.go_away:
            return message.go_away.time_left or ""
    return ""


async def test_the_model_that_writes(simulator: Simulator) -> None:
    config = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT])
    model = "gemini-live-2.5-flash-preview"
    async with client(simulator).aio.live.connect(model=model, config=config) as session:
        await session.send_client_content(
            turns=types.Content(role="user", parts=[types.Part(text="Count to three.")])
        )
        texts = [message.text or "" async for message in session.receive()]
    assert "".join(texts) == "One, two, three."


@pytest.mark.parametrize("fault", ["unknown-fields", "duplicates", "no-ops", "joined"])
async def test_what_the_sdk_bears(simulator: Simulator, fault: str) -> None:
    simulator.script(fault)
    async with client(simulator).aio.live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_realtime_input(text="Say still here.")
        turn = await turn_of(session)
    assert turn.said == hear(turn.sound, 24000) == "still here."


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("close-1011", 1011),
        ("close-1008", 1008),
        ("close-1000", 1000),
        ("drop", 1006),
        ("huge", 1006),
    ],
)
async def test_what_ends_the_sdk(simulator: Simulator, fault: str, code: int) -> None:
    simulator.script(fault)
    async with client(simulator).aio.live.connect(model=MODEL, config=CONFIG) as session:
        await session.send_realtime_input(text="Tell me a long story.")
        with pytest.raises(ENDS) as caught:
            await turn_of(session)
    assert end_of(caught.value)[0] == code
