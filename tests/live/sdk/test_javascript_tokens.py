"""The unmodified official JavaScript SDK makes ephemeral tokens and opens sessions with them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from live.simulator import Simulator
from tests.live.sdk.node import Closed, Driver, SdkError, Turn
from tests.live.simulator.clock import Clock

MODEL = "gemini-3.8-live"
TRANSCRIBED: dict[str, Any] = {"outputAudioTranscription": {}}
SPENT = "(code 1011): Token has been used too many times"
EXPIRED = "Request had invalid authentication credentials."


def options(simulator: Simulator, key: str | None = None) -> dict[str, Any]:
    http = {"baseUrl": simulator.url, "apiVersion": "v1alpha"}
    return {"apiKey": key or simulator.api_key, "httpOptions": http}


async def minted(simulator: Simulator, driver: Driver, **config: Any) -> dict[str, Any]:
    """The options of a client whose key is a new token."""
    token = await driver.create_token(options(simulator), **config)
    assert token.startswith("auth_tokens/")
    return options(simulator, token)


async def said(driver: Driver) -> Turn:
    await driver.text("Say yes.")
    return await driver.turn()


async def refusal(driver: Driver, holder: dict[str, Any]) -> str:
    with pytest.raises(SdkError) as caught:
        await driver.connect(holder, MODEL, {})
    return str(caught.value).removeprefix("Live connection closed before setup completed ")


def at(clock: Clock, ahead: float) -> str:
    return datetime.fromtimestamp(clock.now + ahead, UTC).isoformat().replace("+00:00", "Z")


async def test_a_session_with_a_token_and_no_second_one(clocked: Simulator, driver: Driver) -> None:
    holder = await minted(clocked, driver)
    await driver.connect(holder, MODEL, TRANSCRIBED)
    turn = await said(driver)
    assert turn.said == "yes."
    assert turn.sound
    assert await refusal(driver, holder) == SPENT


async def test_times_that_have_passed(clocked: Simulator, driver: Driver, clock: Clock) -> None:
    holder = await minted(
        clocked, driver, uses=0, newSessionExpireTime=at(clock, 120), expireTime=at(clock, 600)
    )
    await driver.connect(holder, MODEL, TRANSCRIBED)
    clock.now += 121
    assert (await said(driver)).said == "yes."
    clock.now += 480
    with pytest.raises(Closed, match=f"1008 {EXPIRED}"):
        await said(driver)
    assert (await refusal(driver, holder)).startswith(f"(code 1008): {EXPIRED}")


async def test_resuming_is_no_use(clocked: Simulator, driver: Driver) -> None:
    holder = await minted(clocked, driver)
    await driver.connect(holder, MODEL, TRANSCRIBED | {"sessionResumption": {}})
    handle = (await said(driver)).handle
    await driver.close()
    resumed = TRANSCRIBED | {"sessionResumption": {"handle": handle}}
    await driver.connect(holder, MODEL, resumed)
    assert (await said(driver)).said == "yes."
    assert await refusal(driver, holder) == SPENT


async def test_without_a_mask_everything_is_locked(clocked: Simulator, driver: Driver) -> None:
    constraints = {"model": MODEL, "config": TRANSCRIBED}
    holder = await minted(clocked, driver, uses=0, liveConnectConstraints=constraints)
    await driver.connect(holder, "gemini-9-live", {"responseModalities": ["TEXT"]})
    turn = await said(driver)
    assert turn.said == "yes."
    assert turn.sound


async def test_with_an_empty_mask_what_is_set_is_locked(clocked: Simulator, driver: Driver) -> None:
    audio = {"responseModalities": ["AUDIO"], "temperature": 0.5}
    holder = await minted(
        clocked,
        driver,
        uses=0,
        liveConnectConstraints={"model": MODEL, "config": audio},
        lockAdditionalFields=[],
    )
    refused = {"responseModalities": ["TEXT"], "temperature": 9}  # were it not overwritten
    await driver.connect(holder, "gemini-9-live", refused | TRANSCRIBED)
    assert (await said(driver)).said == "yes."
    await driver.close()
    await driver.connect(holder, MODEL, {})
    turn = await said(driver)
    assert turn.said == ""
    assert turn.sound


async def test_with_a_mask_the_named_fields_are_locked_to_their_defaults(
    clocked: Simulator, driver: Driver
) -> None:
    holder = await minted(
        clocked,
        driver,
        uses=0,
        liveConnectConstraints={"model": MODEL, "config": {}},
        lockAdditionalFields=["temperature", "outputAudioTranscription"],
    )
    await driver.connect(holder, "gemini-9-live", TRANSCRIBED | {"temperature": 9})
    turn = await said(driver)
    assert turn.said == ""
    assert turn.sound


async def test_who_makes_no_token(clocked: Simulator, driver: Driver, clock: Clock) -> None:
    with pytest.raises(SdkError, match="API key not valid") as key:
        await driver.create_token(options(clocked, "wrong"))
    with pytest.raises(SdkError, match="20 hours") as time:
        await driver.create_token(options(clocked), expireTime=at(clock, 20 * 3600))
    assert (key.value.status, time.value.status) == (400, 400)
