"""The simulator's yardstick: a bare `websockets` server on uvloop that sends back what comes.

`python benchmarks/bare_echo.py` listens on a free port of the loopback interface and says where.
No JSON, no base64, no key, no timers, compression off: what a message there and back costs at
least with the library that the simulator stands on.
"""

from __future__ import annotations

import asyncio
import signal

import uvloop
from websockets.asyncio.server import ServerConnection, serve


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def run() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    listening = serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None, max_size=None)
    async with listening as server:
        port = server.sockets[0].getsockname()[1]
        print(f"bare echo serves at http://127.0.0.1:{port}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(run())
