"""The yardstick: a bare `websockets` proxy on uvloop that only copies messages.

`python benchmarks/proxy.py ws://host:port` listens on a free port of the loopback interface
and says where. No JSON, no log-in, no store, compression off: what relaying costs at least
with the library that Parley's worker uses.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

KEY_HEADER = "x-goog-api-key"


async def copy(source: Connection, sink: Connection) -> None:
    """Copy messages as they come; when one end closes, close the other one."""
    try:
        async for message in source:
            await sink.send(message)
    except ConnectionClosed:
        pass
    finally:
        await sink.close()


async def run(upstream: str) -> None:
    async def relay(client: ServerConnection) -> None:
        request = client.request
        if request is None:
            return
        headers = {KEY_HEADER: request.headers[KEY_HEADER]}
        async with connect(
            upstream + request.path,
            additional_headers=headers,
            compression=None,
            ping_interval=None,
            proxy=None,
            max_size=None,
        ) as server:
            await asyncio.gather(copy(client, server), copy(server, client))

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serve(
        relay, "127.0.0.1", 0, compression=None, ping_interval=None, max_size=None
    ) as listening:
        port = listening.sockets[0].getsockname()[1]
        print(f"proxy serves at http://127.0.0.1:{port}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1]))
