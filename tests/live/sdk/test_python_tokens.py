"""The unmodified official Python SDK mints ephemeral tokens and opens sessions with them."""

import asyncio
from datetime import UTC, datetime

import pytest
from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession

from live.simulator import Simulator
from tests.live.sdk.versions import ENDS, close, end_of
from tests.live.simulator.clock import Clock

pytestmark = pytest.mark.filterwarnings("ignore::google.genai.errors.ExperimentalWarning")

MODEL = "gemini-3.8-live"
TRANSCRIBED = types.LiveConnectConfig(output_audio_transcription=types.AudioTranscriptionConfig())
PLAIN = types.LiveConnectConfig()
Constraints = types.LiveConnectConstraints
SPENT = 1011, "Token has been used too many times"
EXPIRED = "Request had invalid authentication credentials."


def client(clocked: Simulator, key: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=clocked.tls_url, api_version="v1alpha")
    return genai.Client(api_key=key or clocked.api_key, http_options=options)


async def minted(
    clocked: Simulator, config: types.CreateAuthTokenConfig | None = None
) -> genai.Client:
    """A client whose key is a new token."""
    minting = client(clocked)
    token = await minting.aio.auth_tokens.create(config=config)
    await close(minting)
    assert token.name is not None
    return client(clocked, token.name)


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


async def refusal(holder: genai.Client) -> tuple[int, str]:
    with pytest.raises(ENDS) as caught:
        async with holder.aio.live.connect(model=MODEL, config=PLAIN):
            pass
    return end_of(caught.value)


def at(clock: Clock, ahead: float) -> datetime:
    return datetime.fromtimestamp(clock.now + ahead, UTC)


@pytest.mark.parametrize("config", [None, types.CreateAuthTokenConfig(uses=1)])
async def test_a_session_with_a_token_and_no_second_one(
    clocked: Simulator, config: types.CreateAuthTokenConfig | None
) -> None:
    holder = await minted(clocked, config)
    async with holder.aio.live.connect(model=MODEL, config=TRANSCRIBED) as session:
        words, sound = await said(session)
    assert words == "yes."
    assert sound > 0
    assert await refusal(holder) == SPENT


async def test_the_synchronous_client_mints_too(clocked: Simulator) -> None:
    minting = client(clocked)
    token = await asyncio.to_thread(minting.auth_tokens.create, config={"uses": 2})
    await close(minting)
    assert token.name is not None
    for _ in range(2):
        async with client(clocked, token.name).aio.live.connect(model=MODEL, config=PLAIN):
            pass
    assert await refusal(client(clocked, token.name)) == SPENT


async def test_times_that_have_passed(clocked: Simulator, clock: Clock) -> None:
    config = types.CreateAuthTokenConfig(
        uses=0, new_session_expire_time=at(clock, 120), expire_time=at(clock, 600)
    )
    holder = await minted(clocked, config)
    async with holder.aio.live.connect(model=MODEL, config=TRANSCRIBED) as session:
        assert (await said(session))[0] == "yes."
        clock.now += 121
        code, reason = await refusal(holder)
        assert (code, reason.startswith(EXPIRED)) == (1008, True)
        assert (await said(session))[0] == "yes."
        clock.now += 480
        with pytest.raises(ENDS) as caught:
            await said(session)
    code, reason = end_of(caught.value)
    assert (code, reason.startswith(EXPIRED)) == (1008, True)


async def test_resuming_is_no_use(clocked: Simulator) -> None:
    holder = await minted(clocked)
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
    assert await refusal(holder) == SPENT


async def test_without_a_mask_everything_is_locked(clocked: Simulator) -> None:
    constraints = Constraints(model=MODEL, config=TRANSCRIBED)
    config = types.CreateAuthTokenConfig(uses=0, live_connect_constraints=constraints)
    holder = await minted(clocked, config)
    other = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT])
    async with holder.aio.live.connect(model="gemini-9-live", config=other) as session:
        words, sound = await said(session)
    assert words == "yes."
    assert sound > 0


async def test_with_an_empty_mask_what_is_set_is_locked(clocked: Simulator) -> None:
    audio = types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO], temperature=0.5)
    config = types.CreateAuthTokenConfig(
        uses=0,
        live_connect_constraints=Constraints(model=MODEL, config=audio),
        lock_additional_fields=[],
    )
    holder = await minted(clocked, config)
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
    clocked: Simulator,
) -> None:
    config = types.CreateAuthTokenConfig(
        uses=0,
        live_connect_constraints=Constraints(model=MODEL, config=PLAIN),
        lock_additional_fields=["temperature", "output_audio_transcription"],
    )
    holder = await minted(clocked, config)
    other = types.LiveConnectConfig(
        temperature=9, output_audio_transcription=types.AudioTranscriptionConfig()
    )
    async with holder.aio.live.connect(model="gemini-9-live", config=other) as session:
        words, sound = await said(session)
    assert (words, sound > 0) == ("", True)


async def test_a_mask_without_constraints(clocked: Simulator) -> None:
    config = types.CreateAuthTokenConfig(lock_additional_fields=["temperature"])
    holder = await minted(clocked, config)
    other = types.LiveConnectConfig(
        temperature=9, output_audio_transcription=types.AudioTranscriptionConfig()
    )
    async with holder.aio.live.connect(model=MODEL, config=other) as session:
        assert (await said(session))[0] == "yes."


async def test_who_mints_no_token(clocked: Simulator, clock: Clock) -> None:
    with pytest.raises(errors.ClientError, match="API key not valid") as key:
        await client(clocked, "wrong").aio.auth_tokens.create()
    late = types.CreateAuthTokenConfig(expire_time=at(clock, 20 * 3600))
    with pytest.raises(errors.ClientError, match="20 hours") as time:
        await client(clocked).aio.auth_tokens.create(config=late)
    assert (key.value.code, key.value.status) == (400, "INVALID_ARGUMENT")
    assert (time.value.code, time.value.status) == (400, "INVALID_ARGUMENT")
