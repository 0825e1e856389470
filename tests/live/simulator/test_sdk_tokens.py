"""The unmodified official Python SDK mints ephemeral tokens and opens sessions with them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession

from live.simulator import Pace, Simulator
from tests.live.simulator.clock import Clock

pytestmark = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")

MODEL = "gemini-3.8-live"
PACE = Pace(setup=0.02, first_update=0.02, thinking=0.02, hearing=0.02, playback=0.0)
TRANSCRIBED = types.LiveConnectConfig(output_audio_transcription=types.AudioTranscriptionConfig())
PLAIN = types.LiveConnectConfig()
Constraints = types.LiveConnectConstraints


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> AsyncIterator[Simulator]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    serving = Simulator(tls_port=0, ssl_context=context, pace=PACE, resume_wait=0, wall=clock)
    async with serving as running:
        yield running


def client(simulator: Simulator, key: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=simulator.tls_url, api_version="v1alpha")
    return genai.Client(api_key=key or simulator.api_key, http_options=options)


async def minted(
    simulator: Simulator, config: types.CreateAuthTokenConfig | None = None
) -> genai.Client:
    """A client whose key is a new token."""
    async with client(simulator).aio as minting:
        token = await minting.auth_tokens.create(config=config)
    assert token.name is not None
    return client(simulator, token.name)


async def said(session: AsyncSession) -> tuple[str, int]:
    """What the model says when asked to say yes: its transcript, and the bytes of its sound."""
    await session.send_realtime_input(text="Say yes.")
    words, sound = "", 0
    async for message in session.receive():
        sound += len(message.data or b"")
        content = message.server_content
        if content and content.output_transcription:
            words += content.output_transcription.text or ""
    return words, sound


async def refusal(holder: genai.Client) -> str:
    with pytest.raises(errors.APIError) as caught:
        async with holder.aio.live.connect(model=MODEL, config=PLAIN):
            pass
    return str(caught.value)


def at(clock: Clock, ahead: float) -> datetime:
    return datetime.fromtimestamp(clock.now + ahead, UTC)


@pytest.mark.parametrize("config", [None, types.CreateAuthTokenConfig(uses=1)])
async def test_a_session_with_a_token_and_no_second_one(
    simulator: Simulator, config: types.CreateAuthTokenConfig | None
) -> None:
    holder = await minted(simulator, config)
    async with holder.aio.live.connect(model=MODEL, config=TRANSCRIBED) as session:
        words, sound = await said(session)
    assert words == "yes."
    assert sound > 0
    assert await refusal(holder) == "1011 None. Token has been used too many times"


async def test_the_synchronous_client_mints_too(simulator: Simulator) -> None:
    minting = client(simulator)
    token = await asyncio.to_thread(minting.auth_tokens.create, config={"uses": 2})
    minting.close()
    assert token.name is not None
    for _ in range(2):
        async with client(simulator, token.name).aio.live.connect(model=MODEL, config=PLAIN):
            pass
    assert (await refusal(client(simulator, token.name))).startswith("1011 ")


async def test_times_that_have_passed(simulator: Simulator, clock: Clock) -> None:
    config = types.CreateAuthTokenConfig(
        uses=0, new_session_expire_time=at(clock, 120), expire_time=at(clock, 600)
    )
    holder = await minted(simulator, config)
    async with holder.aio.live.connect(model=MODEL, config=TRANSCRIBED) as session:
        assert (await said(session))[0] == "yes."
        clock.now += 121
        assert (await refusal(holder)).startswith("1008 None. Request had invalid authentication")
        assert (await said(session))[0] == "yes."
        clock.now += 480
        with pytest.raises(errors.APIError, match=r"^1008 None\. Request had invalid"):
            await said(session)


async def test_resuming_is_no_use(simulator: Simulator) -> None:
    holder = await minted(simulator)
    handle = None
    for _ in range(3):
        config = types.LiveConnectConfig(
            session_resumption=types.SessionResumptionConfig(handle=handle)
        )
        async with holder.aio.live.connect(model=MODEL, config=config) as session:
            async for message in session.receive():
                if message.session_resumption_update:
                    handle = message.session_resumption_update.new_handle
                    break
        assert handle
    assert (await refusal(holder)).startswith("1011 ")


async def test_without_a_mask_everything_is_locked(simulator: Simulator) -> None:
    constraints = Constraints(model=MODEL, config=TRANSCRIBED)
    config = types.CreateAuthTokenConfig(uses=0, live_connect_constraints=constraints)
    holder = await minted(simulator, config)
    other = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT])
    async with holder.aio.live.connect(model="gemini-9-live", config=other) as session:
        words, sound = await said(session)
    assert words == "yes."
    assert sound > 0


async def test_with_an_empty_mask_what_is_set_is_locked(simulator: Simulator) -> None:
    audio = types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO], temperature=0.5)
    config = types.CreateAuthTokenConfig(
        uses=0,
        live_connect_constraints=Constraints(model=MODEL, config=audio),
        lock_additional_fields=[],
    )
    holder = await minted(simulator, config)
    other = types.LiveConnectConfig(
        response_modalities=[types.Modality.TEXT],
        temperature=9,  # refused, were it not overwritten
        output_audio_transcription=types.AudioTranscriptionConfig(),
    )
    async with holder.aio.live.connect(model="gemini-9-live", config=other) as session:
        assert (await said(session))[0] == "yes."
    async with holder.aio.live.connect(model=MODEL, config=PLAIN) as session:
        words, sound = await said(session)
    assert (words, sound > 0) == ("", True)


async def test_with_a_mask_the_named_fields_are_locked_to_their_defaults(
    simulator: Simulator,
) -> None:
    config = types.CreateAuthTokenConfig(
        uses=0,
        live_connect_constraints=Constraints(model=MODEL, config=PLAIN),
        lock_additional_fields=["temperature", "output_audio_transcription"],
    )
    holder = await minted(simulator, config)
    other = types.LiveConnectConfig(
        temperature=9, output_audio_transcription=types.AudioTranscriptionConfig()
    )
    async with holder.aio.live.connect(model="gemini-9-live", config=other) as session:
        words, sound = await said(session)
    assert (words, sound > 0) == ("", True)


async def test_a_mask_without_constraints(simulator: Simulator) -> None:
    config = types.CreateAuthTokenConfig(lock_additional_fields=["temperature"])
    holder = await minted(simulator, config)
    other = types.LiveConnectConfig(
        temperature=9, output_audio_transcription=types.AudioTranscriptionConfig()
    )
    async with holder.aio.live.connect(model=MODEL, config=other) as session:
        assert (await said(session))[0] == "yes."


async def test_who_mints_no_token(simulator: Simulator, clock: Clock) -> None:
    with pytest.raises(errors.ClientError, match="API key not valid") as key:
        await client(simulator, "wrong").aio.auth_tokens.create()
    late = types.CreateAuthTokenConfig(expire_time=at(clock, 20 * 3600))
    with pytest.raises(errors.ClientError, match="20 hours") as time:
        await client(simulator).aio.auth_tokens.create(config=late)
    assert (key.value.code, key.value.status) == (400, "INVALID_ARGUMENT")
    assert (time.value.code, time.value.status) == (400, "INVALID_ARGUMENT")
