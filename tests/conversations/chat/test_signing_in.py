import asyncio
import json
from pathlib import Path

import pytest

from conversations.chat.signing_in import signed_in
from conversations.chat.talk import ChatError
from live import CredentialError, Endpoint, SessionConfig, connect
from live.simulator import Pace, Simulator
from tests.live.browser import redirected, visit

CONFIG = SessionConfig(model="gemini-3.8-live")


def client_file(folder: Path, simulator: Simulator) -> Path:
    path = folder / "client.json"
    path.write_text(json.dumps(simulator.oauth_client_info()), encoding="utf-8")
    return path


def address_in(text: str) -> str:
    return next(word for word in text.split() if word.startswith("http"))


async def test_a_browser_signs_the_person_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    async with Simulator(pace=Pace(setup=0.01)) as simulator:
        monkeypatch.setattr("webbrowser.open", lambda address: visit(redirected(address)))
        endpoint = Endpoint.developer(simulator.url)
        file = client_file(tmp_path, simulator)
        auth = await signed_in(file, endpoint, shown.append, browser=True)
        session = await connect(endpoint, auth, CONFIG)
        await session.close()
        assert address_in(shown[0]).startswith(simulator.url)


async def test_or_a_browser_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    async with Simulator(pace=Pace(setup=0.01)) as simulator:
        monkeypatch.setattr("builtins.input", lambda: redirected(address_in(shown[0])))
        endpoint = Endpoint.vertex("p", "us-central1", simulator.url)
        file = client_file(tmp_path, simulator)
        auth = await signed_in(file, endpoint, shown.append, browser=False)
        session = await connect(endpoint, auth, CONFIG)
        await session.close()
    assert "paste it here" in shown[0]


@pytest.mark.parametrize("text", ["no json", "[]"])
async def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "client.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ChatError, match=r"client\.json is no JSON file of an OAuth client"):
        await signed_in(path, Endpoint.developer(), print, browser=True)


async def test_a_file_that_is_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="cannot be read"):
        await signed_in(tmp_path / "none.json", Endpoint.developer(), print, browser=True)
    path = await asyncio.to_thread(_written, tmp_path / "web.json")
    with pytest.raises(CredentialError, match="no client for desktop apps"):
        await signed_in(path, Endpoint.developer(), print, browser=True)


def _written(path: Path) -> Path:
    path.write_text(json.dumps({"web": {}}), encoding="utf-8")
    return path
