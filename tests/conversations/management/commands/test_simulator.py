"""`manage.py simulator` as a process: says where it serves, talks, ends politely."""

import asyncio
import json
import signal
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from django.core.management import CommandError, call_command
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from live import VERTEX_SCOPES, ServiceAccountAuth
from tests.children import Children

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
READY = r"simulator serves at (http://\S+)(?: and (https://\S+))?(?: with API key (\S+))?\n"


@pytest.fixture
def certificate(tmp_path: Path) -> list[str]:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_it_is_told_to_end(
    spawn: Children, certificate: list[str], number: signal.Signals
) -> None:
    child = spawn("simulator", "--port", "0", "--tls-port", "0", *certificate, "--api-key", "k")
    found = child.wait_for(READY)
    assert found[2].startswith("https://127.0.0.1:")
    assert found[3] is None
    async with connect(found[1].replace("http", "ws") + PATH + "?key=k") as socket:
        await socket.send('{"setup": {"model": "models/gemini-3.8-live"}}')
        assert "setupComplete" in json.loads(await socket.recv())
        child.send_signal(number)
        assert child.wait() == 0


def test_makes_a_key_when_none_is_given(spawn: Children) -> None:
    child = spawn("simulator", "--port", "0", "--scenario", "echo")
    assert child.wait_for(READY)[3].startswith("sim-key-")


async def test_a_key_file_is_made_once_and_accepted_again(spawn: Children, tmp_path: Path) -> None:
    file = tmp_path / "service-account.json"
    first = spawn("simulator", "--port", "0", "--key-file", str(file))
    await asyncio.to_thread(first.wait_for, READY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    info = json.loads(file.read_text())
    assert await token_of(info)
    first.terminate()
    port = str(urlsplit(info["token_uri"]).port)
    again = spawn("simulator", "--port", port, "--key-file", str(file))
    await asyncio.to_thread(again.wait_for, READY)
    assert json.loads(file.read_text()) == info
    assert await token_of(info)


async def token_of(info: dict[str, str]) -> str:
    """Raises LiveError when the service account is not known."""
    headers = await ServiceAccountAuth.from_info(info, VERTEX_SCOPES).headers()
    return headers["Authorization"]


def test_a_key_file_that_is_none_is_told(spawn: Children, tmp_path: Path) -> None:
    file = tmp_path / "service-account.json"
    file.write_text('{"type": "authorized_user"}')
    child = spawn("simulator", "--port", "0", "--key-file", str(file))
    child.wait_for("is no service account's key file")
    assert child.wait() == 1


def test_tls_options_go_together(certificate: list[str]) -> None:
    with pytest.raises(CommandError, match="all or none"):
        call_command("simulator", "--tls-port", "0")
    with pytest.raises(CommandError, match="Cannot read"):
        call_command("simulator", "--tls-port", "0", "--tls-cert", "no", "--tls-key", "no")


def test_a_scenario_may_be_a_file(spawn: Children, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"steps": [{"at": "ready", "do": {"what": "drop"}}]}')
    child = spawn("simulator", "--port", "0", "--scenario", str(script))
    assert child.wait_for(READY)[1].startswith("http://127.0.0.1:")


def test_a_scenario_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('{"steps": [{"do": {"what": "explode"}}]}')
    with pytest.raises(CommandError, match="or one of conversation, echo, cancelled"):
        call_command("simulator", "--scenario", "nonsense")
    with pytest.raises(CommandError, match="Invalid value 'explode'"):
        call_command("simulator", "--scenario", str(tmp_path / "script.json"))


async def test_limits_can_be_set(spawn: Children) -> None:
    limits = ["--max-sessions", "1", "--vertex-connections", "10"]
    url = spawn("simulator", "--port", "0", "--api-key", "k", *limits).wait_for(READY)[1]
    address = url.replace("http", "ws") + PATH + "?key=k"
    setup = '{"setup": {"model": "models/gemini-3.8-live"}}'
    async with connect(address) as first, connect(address) as second:
        await first.send(setup)
        assert "setupComplete" in json.loads(await first.recv())
        await second.send(setup)
        with pytest.raises(ConnectionClosed) as caught:
            await second.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.reason.startswith("You exceeded your current quota")
