"""`/healthz` says the process lives; `/readyz` says whether its parts answer."""

import asyncio
import json
from typing import Any

import pytest
from django.test import AsyncClient, Client, RequestFactory

from config import health
from config.health import answers, healthz, readyz


async def ready() -> tuple[int, dict[str, Any]]:
    response = await readyz(RequestFactory().get("/readyz"))
    return response.status_code, json.loads(response.content)


@pytest.mark.django_db(transaction=True)
async def test_over_http(async_client: AsyncClient) -> None:
    assert (await async_client.get("/healthz")).json() == {"status": "ok"}
    answer = await async_client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "channel_layer": "ok"}


async def test_living_needs_nothing() -> None:
    assert (await healthz(RequestFactory().get("/healthz"))).status_code == 200


async def test_a_part_that_fails_makes_it_unready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse() -> None:
        raise ConnectionRefusedError("redis://:password@host")

    async def answer() -> None:
        """Answer at once."""

    monkeypatch.setattr(health, "PARTS", {"database": answer, "channel_layer": refuse})
    status, body = await ready()
    assert status == 503
    assert body == {
        "status": "unavailable",
        "parts": {"database": "ok", "channel_layer": "unavailable"},
    }


async def test_a_part_that_is_silent_makes_it_unready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.01)

    async def wait() -> None:
        await asyncio.Event().wait()

    assert not await answers("database", wait)


async def test_the_log_names_the_part_and_no_address(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse() -> None:
        raise ConnectionRefusedError("redis://:password@host")

    assert not await answers("channel_layer", refuse)
    assert "channel_layer" in caplog.text
    assert "password" not in caplog.text


async def test_without_a_channel_layer_it_is_unready(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    assert not await answers("channel_layer", health.channel_layer_answers)


async def test_a_process_that_leaves_lives_and_takes_nobody(
    async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "is_leaving", True)
    assert await ready() == (503, {"status": "leaving", "parts": {}})
    assert (await async_client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_probe_is_answered_whatever_host_it_names(
    async_client: AsyncClient, client: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(health, "PARTS", {})
    answer = await async_client.get(path, headers={"host": "10.1.2.3"})
    assert answer.status_code == 200

    def ask_synchronously() -> int:
        return client.get(path, headers={"host": "10.1.2.3"}).status_code

    assert await asyncio.to_thread(ask_synchronously) == 200
    refused = await async_client.get("/nowhere", headers={"host": "10.1.2.3"})
    assert refused.status_code == 400
