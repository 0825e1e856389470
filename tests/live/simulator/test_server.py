import asyncio
import json
import ssl

import pytest
import trustme
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from live.simulator import Pace, Simulator
from tests.live.simulator.stage import TEXT_SETUP, VERTEX_NAME, audio_message, kind_of
from tests.live.simulator.wire import (
    DEVELOPER_PATH,
    VERTEX_PATH,
    close_of,
    dial,
    receive_until,
    send,
    set_up,
)

QUICK = Pace(setup=0.01, first_update=0.01, thinking=0.01, playback=0.05, speed=50)
MODEL = "models/gemini-3.8-live"


def quick(**options: object) -> Simulator:
    return Simulator(pace=QUICK, resume_wait=0.0, **options)  # type: ignore[arg-type]


async def test_frames_are_binary_and_pretty() -> None:
    async with quick() as simulator, dial(simulator) as socket:
        await send(socket, {"setup": {"model": MODEL}})
        assert await socket.recv() == b'{\n  "setupComplete": {}\n}\n'


@pytest.mark.parametrize(
    "path",
    [
        DEVELOPER_PATH,
        DEVELOPER_PATH.replace("v1beta", "v1alpha"),
        DEVELOPER_PATH + "Constrained",
        "/" + DEVELOPER_PATH,
        VERTEX_PATH,
        "/" + VERTEX_PATH,
    ],
)
async def test_every_path_talks(path: str) -> None:
    model = VERTEX_NAME if "aiplatform" in path else MODEL
    async with quick() as simulator, dial(simulator, path) as socket:
        await set_up(socket, model=model)
        await socket.send(b'{"realtime_input": {"text": "Say yes."}}')
        messages = await receive_until(socket, "turnComplete")
    assert "usageMetadata" in messages[-1]


async def test_an_unknown_path_is_404_at_the_handshake() -> None:
    async with quick() as simulator:
        with pytest.raises(InvalidStatus) as caught:
            async with dial(simulator, "/ws/nothing"):
                pass
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize(
    ("headers", "query", "code", "start"),
    [
        ({"x-goog-api-key": "wrong"}, "", 1007, "API key not valid."),
        ({}, "?key=wrong", 1007, "API key not valid."),
        ({"Authorization": "Bearer no"}, "", 1008, "Request had invalid authentication"),
        ({}, "?access_token=no", 1008, "Request had invalid authentication"),
        ({}, "", 1008, "Method doesn't allow unregistered callers"),
    ],
)
async def test_a_wrong_credential_is_refused_after_the_setup_was_read(
    headers: dict[str, str], query: str, code: int, start: str
) -> None:
    target = DEVELOPER_PATH + query
    async with quick() as simulator, dial(simulator, target, headers=headers) as socket:
        assert socket.response is not None
        assert socket.response.status_code == 101
        await send(socket, {"setup": {"model": MODEL}})
        found, reason = await close_of(socket)
    assert found == code
    assert reason.startswith(start)


@pytest.mark.parametrize(
    ("first", "code", "start"),
    [
        ({"realtimeInput": {"text": "Hello"}}, 1007, "setup must be the first message"),
        ({"clientContent": {}}, 1007, "setup must be the first message"),
        ({"setup": {"model": "models/gpt"}}, 1008, "models/gpt is not found for API version"),
        ({"setup": {"model": MODEL, "colour": 1}}, 1007, "Invalid JSON payload received. Unknown"),
        (
            {"setup": {"model": MODEL, "generationConfig": {"responseModalities": ["TEXT"]}}},
            1007,
            "The requested combination of response modalities (TEXT)",
        ),
        ({"setup": {"model": MODEL, "sessionResumption": {"handle": "x"}}}, 1008, "BidiGenerate"),
        ({"setup": {"model": MODEL, "sessionResumption": {"handle": "?"}}}, 1007, "Invalid sess"),
    ],
)
async def test_a_first_message_that_is_refused(
    first: dict[str, object], code: int, start: str
) -> None:
    async with quick() as simulator, dial(simulator) as socket:
        await send(socket, first)
        found, reason = await close_of(socket)
    assert found == code
    assert reason.startswith(start)


@pytest.mark.parametrize("frame", ['{"setup": {}}', "not json", b"\xff", '{"a": {}}'])
async def test_a_later_message_that_is_refused(frame: str | bytes) -> None:
    async with quick() as simulator, dial(simulator) as socket:
        await set_up(socket)
        await socket.send(frame)
        code, reason = await close_of(socket)
    assert code == 1007
    assert reason


async def test_a_model_that_writes() -> None:
    async with quick() as simulator, dial(simulator) as socket:
        await send(socket, {"setup": TEXT_SETUP})
        await send(
            socket,
            {"clientContent": {"turns": [{"parts": [{"text": "Hello"}]}], "turnComplete": True}},
        )
        messages = await receive_until(socket, "turnComplete")
    assert [kind_of(message) for message in messages[-2:]] == [
        "generationComplete",
        "turnComplete",
    ]


async def test_resumption_restores_the_memory_and_waits_for_the_old_socket() -> None:
    async with quick() as simulator:
        async with dial(simulator) as first:
            handle = await set_up(first)
            await send(first, {"realtimeInput": {"text": "The code word is heron."}})
            await receive_until(first, "turnComplete")
            async with dial(simulator) as early:
                resume = {"model": MODEL, "sessionResumption": {"handle": handle}}
                await send(early, {"setup": resume})
                assert await close_of(early) == (1011, "Internal error encountered.")
        async with dial(simulator) as second:
            assert await set_up(second, sessionResumption={"handle": handle}) != handle
            await send(second, {"realtimeInput": {"text": "What is the code word?"}})
            messages = await receive_until(second, "turnComplete")
    pieces = [each.get("serverContent", {}).get("outputTranscription", {}) for each in messages]
    assert "".join(piece.get("text", "") for piece in pieces) == "The code word is heron."


async def test_an_idle_session_needs_a_moment_before_it_can_be_resumed() -> None:
    async with Simulator(pace=QUICK, resume_wait=60.0) as simulator:
        async with dial(simulator) as first:
            handle = await set_up(first)
        async with dial(simulator) as second:
            setup = {"model": MODEL, "sessionResumption": {"handle": handle}}
            await send(second, {"setup": setup})
            code, _reason = await close_of(second)
    assert code == 1011


async def test_a_service_account_gets_a_token_and_talks() -> None:
    scopes = [
        "https://www.googleapis.com/auth/cloud-platform",
        "https://www.googleapis.com/auth/generative-language",
    ]
    async with quick() as simulator:
        info = simulator.service_account_info()
        credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=scopes
        )
        await _refresh(credentials)
        headers = {"Authorization": f"Bearer {credentials.token}"}
        for path, model in ((DEVELOPER_PATH, MODEL), (VERTEX_PATH, VERTEX_NAME)):
            async with dial(simulator, path, headers=headers) as socket:
                assert await set_up(socket, model=model)


async def test_the_echo_scenario() -> None:
    async with quick(scenario="echo") as simulator, dial(simulator) as socket:
        await set_up(socket)
        await send(socket, audio_message(b"12345678" + bytes(3192)))
        [message] = await receive_until(socket, "audio")
    data = message["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"]
    assert data.startswith("MTIzNDU2Nz")


async def test_tls_beside_the_plain_port() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with quick(tls_port=0, ssl_context=context, api_keys={"k"}) as simulator:
        url = simulator.tls_url.replace("https", "wss") + DEVELOPER_PATH + "?key=k"
        async with connect(url, ssl=trusting) as socket:
            await send(socket, {"setup": {"model": MODEL}})
            assert "setupComplete" in json.loads(await socket.recv())
        assert simulator.tls_url != simulator.url
        assert simulator.api_key == "k"


async def test_closing_says_goodbye_to_open_sessions() -> None:
    simulator = quick()
    await simulator.__aenter__()
    async with dial(simulator) as socket:
        await set_up(socket)
        await simulator.__aexit__(None, None, None)
        code, _reason = await close_of(socket)
    assert code == 1001


@pytest.mark.parametrize(
    ("name", "code", "start"),
    [
        ("close-1000", 1000, ""),
        ("close-1008", 1008, "The operation was aborted."),
        ("close-1011", 1011, "Internal error encountered."),
        ("internal-error", 1011, "Internal error occurred."),
        ("unavailable", 1011, "The service is currently unavailable."),
        ("deadline", 1011, "Deadline expired before operation could complete."),
        ("cancelled", 1011, "Thread was cancelled when writing StartStep status to channel.;"),
        ("quota", 1011, "You exceeded your current quota, please check your plan and billing"),
        ("key-expired", 1007, "API key expired. Please renew the API key."),
        ("key-not-found", 1007, "API Key not found. Please pass a valid API key."),
        ("location", 1007, "User location is not supported for the API use."),
        ("refuse-handle", 1008, "BidiGenerateContent session not found"),
        ("refuse-handle-1011", 1011, "Internal error encountered."),
        ("go-away-now", 1008, "Connection aborted because the client failed to close the"),
        ("drop", 1006, ""),
        ("drop-at-setup", 1006, ""),
    ],
)
async def test_a_close_that_is_nobodys_mistake(name: str, code: int, start: str) -> None:
    async with quick() as simulator:
        async with dial(simulator) as socket:
            handle = await set_up(socket)
        simulator.script(name)
        async with dial(simulator) as socket:
            resumption = {"sessionResumption": {"handle": handle}}
            await send(socket, {"setup": {"model": MODEL, **resumption}})
            await send(socket, {"realtimeInput": {"text": "Count to ten."}})
            found, reason = await close_of(socket)
    assert found == code
    assert reason.startswith(start)


@pytest.mark.parametrize("way", ["header", "query", "server"])
async def test_a_connection_may_ask_for_its_scenario(way: str) -> None:
    scenario = "key-expired" if way == "server" else "conversation"
    async with quick(scenario=scenario) as simulator:
        query = "?scenario=key-expired" if way == "query" else ""
        wish = {"x-simulator-scenario": "key-expired"} if way == "header" else {}
        headers = {"x-goog-api-key": simulator.api_key, **wish}
        async with dial(simulator, DEVELOPER_PATH + query, headers=headers) as socket:
            await send(socket, {"setup": {"model": MODEL}})
            code, reason = await close_of(socket)
    assert (code, reason) == (1007, "API key expired. Please renew the API key.")


async def test_a_project_holds_so_many_sessions_at_once() -> None:
    async with quick(max_sessions=1) as simulator:
        async with dial(simulator) as first, dial(simulator) as second:
            await set_up(first)
            await send(second, {"setup": {"model": MODEL}})
            code, reason = await close_of(second)
        assert (code, reason[:37]) == (1011, "You exceeded your current quota, plea")
        async with dial(simulator) as third:
            await set_up(third)


async def test_another_model_cannot_resume_a_session() -> None:
    async with quick() as simulator:
        async with dial(simulator) as first:
            handle = await set_up(first)
        async with dial(simulator) as second:
            other = {"model": "models/gemini-3.8-live-extended-thinking"}
            await send(second, {"setup": {**other, "sessionResumption": {"handle": handle}}})
            code, _reason = await close_of(second)
    assert code == 1007


def test_options_that_do_not_fit_together() -> None:
    with pytest.raises(ValueError, match="scenario"):
        quick(scenario="nonsense")
    with pytest.raises(ValueError, match="given together"):
        quick(tls_port=0)


async def _refresh(credentials: service_account.Credentials) -> None:
    await asyncio.to_thread(credentials.refresh, Request())


async def test_the_front_end_may_refuse_the_handshake() -> None:
    async with quick() as simulator:
        simulator.script("http-429")
        with pytest.raises(InvalidStatus) as caught:
            async with dial(simulator):
                pass
        async with dial(simulator) as next_one:
            await set_up(next_one)
    response = caught.value.response
    assert response.status_code == 429
    assert response.body is not None
    assert json.loads(response.body)["error"]["status"] == "RESOURCE_EXHAUSTED"


async def test_frames_may_be_text() -> None:
    async with quick(scenario="text-frames") as simulator, dial(simulator) as socket:
        await send(socket, {"setup": {"model": MODEL}})
        assert await socket.recv() == '{\n  "setupComplete": {}\n}\n'
