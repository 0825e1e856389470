"""A session with a service that takes nothing, and a camera that goes on."""

import asyncio
import contextlib
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.live.peer import Peer, talking


async def test_pictures_that_nobody_takes_keep_no_text_back() -> None:
    go = asyncio.Event()

    async def play(peer: Peer, socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await go.wait()
        socket.transport.resume_reading()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await peer.hear(socket)

    async with talking(play) as (peer, connection):
        for number in range(100, 200):  # more than the kernel takes, and many times what may wait
            connection.send_video(b"%d" % number + bytes(190_000))
            await asyncio.sleep(0)
        connection.send_text("still here")
        go.set()
        await peer.hear_until(lambda heard: picture_of(heard[-1]) == "MTk5")  # 199
    shown = [picture for message in peer.messages if (picture := picture_of(message))]
    assert len(shown) < 100
    assert {"realtimeInput": {"text": "still here"}} in peer.messages


def picture_of(message: dict[str, Any]) -> str:
    """The first three bytes of a message's picture, in base64; "" when it has none."""
    data: str = message.get("realtimeInput", {}).get("video", {}).get("data", "")
    return data[:4]
