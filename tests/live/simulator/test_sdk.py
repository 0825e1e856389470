"""The unmodified official Python SDK, which only dials TLS, talks with the simulator."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession
from google.oauth2 import service_account

from live.simulator import Pace, Simulator
from live.simulator.speech import hear, speak

MODEL = "gemini-3.8-live"
CONFIG = types.LiveConnectConfig(
    response_modalities=[types.Modality.AUDIO],
    input_audio_transcription=types.AudioTranscriptionConfig(),
    output_audio_transcription=types.AudioTranscriptionConfig(),
    session_resumption=types.SessionResumptionConfig(),
)
PACE = Pace(setup=0.05, thinking=0.05, hearing=0.05, playback=0.3)


@pytest.fixture
async def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Simulator(tls_port=0, ssl_context=context, pace=PACE) as running:
        yield running


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
        if message.voice_activity and message.voice_activity.voice_activity_type:
            self.activity.append(message.voice_activity.voice_activity_type.value)
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
    assert story.activity[:2] == ["ACTIVITY_START", "ACTIVITY_END"]
    assert story.interrupted
    assert story.complete
    assert answer.understood == "Stop! How much is the trail runner?"
    assert answer.said.startswith("The Trail Runner costs 89.90 euros.")
    assert hear(answer.sound, 24000) == answer.said


async def test_a_wrong_key_a_wrong_model_and_text(simulator: Simulator) -> None:
    text = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT])
    for key, model, config, start in (
        ("wrong", MODEL, CONFIG, "1007 None. API key not valid."),
        (None, "gemini-9-live", CONFIG, "1008 None. models/gemini-9-live is not found"),
        (None, MODEL, text, "1007 None. The requested combination of response modalities"),
    ):
        with pytest.raises(errors.APIError) as caught:
            async with client(simulator, key).aio.live.connect(model=model, config=config):
                pass
        assert str(caught.value).startswith(start)


async def test_a_service_account_on_vertex(simulator: Simulator) -> None:
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        simulator.service_account_info(),
        scopes=["https://www.googleapis.com/auth/cloud-platform"],
    )
    vertex = genai.Client(
        vertexai=True,
        project="p",
        location="us-central1",
        credentials=credentials,
        http_options=types.HttpOptions(base_url=simulator.tls_url),
    )
    async with vertex.aio.live.connect(model=MODEL, config=CONFIG) as session:
        assert session.session_id
        await session.send_realtime_input(text="Say yes.")
        turn = await turn_of(session)
    assert turn.said == "yes."
    assert turn.tokens > 0
