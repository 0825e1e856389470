"""A bare client for the tests that look at the socket itself."""

import json
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from live.simulator import Simulator
from tests.live.simulator.stage import AUDIO_SETUP, kind_of

DEVELOPER_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX_PATH = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"


def dial(
    simulator: Simulator,
    path: str = DEVELOPER_PATH,
    *,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> connect:
    """Connect with the right key unless other headers are given; no setup yet."""
    wanted = {"x-goog-api-key": simulator.api_key} if headers is None else headers
    url = simulator.url.replace("http", "ws", 1) + path
    options = {"compression": None, "ping_interval": None, **options}
    return connect(url, additional_headers=wanted, **options)


async def send(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))


async def set_up(socket: ClientConnection, **more: Any) -> str:
    """Send a setup; return the resumption handle that follows setupComplete."""
    await send(socket, {"setup": {**AUDIO_SETUP, **more}})
    assert "setupComplete" in json.loads(await socket.recv())
    update = json.loads(await socket.recv())["sessionResumptionUpdate"]
    return str(update["newHandle"])


async def receive_until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """Receive up to and with the first message of a kind."""
    messages: list[dict[str, Any]] = []
    while not messages or kind_of(messages[-1]) != kind:
        messages.append(json.loads(await socket.recv()))
    return messages


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    """Read to the end; return the code and the reason of the server's close frame."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
