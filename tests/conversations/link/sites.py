"""A listener and a pool on each kind of link: what holds on one has to hold on all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import trustme
import uvloop

from conversations.link import LinkPool, LinkStream, Listener, listen, listen_memory
from tests.conversations.link.pair import SECRET


@dataclass
class Site:
    listener: Listener
    pool: LinkPool
    accepted: asyncio.Queue[LinkStream]

    async def open(self, info: bytes = b"", window: int = 262_144) -> tuple[LinkStream, LinkStream]:
        """A stream's two ends: the dialling one's and the other's."""
        here = await self.pool.open(self.listener.address, info, window=window)
        return here, await self.accepted.get()


@dataclass(frozen=True)
class Kind:
    """How the two ends are joined, and on which event loop."""

    name: str
    memory: bool = False
    tls: bool = False
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop

    def run(self, scenario: Callable[[Site], Awaitable[None]]) -> None:
        async def body() -> None:
            async with self.site() as site:
                await scenario(site)

        with asyncio.Runner(loop_factory=self.loop) as runner:
            runner.run(body())

    @asynccontextmanager
    async def site(self) -> AsyncIterator[Site]:
        server, client = contexts() if self.tls else (None, None)
        accepted: asyncio.Queue[LinkStream] = asyncio.Queue()
        if self.memory:
            listener = listen_memory(accepted.put_nowait)
        else:
            listener = await listen(
                accepted.put_nowait, host="127.0.0.1", port=0, secret=SECRET, ssl=server
            )
        pool = LinkPool(SECRET, client)
        try:
            yield Site(listener, pool, accepted)
        finally:
            await pool.aclose()
            await listener.aclose()


MEMORY = Kind("memory", memory=True)
TCP = Kind("tcp")
TLS = Kind("tls", tls=True)
TCP_UVLOOP = Kind("tcp-uvloop", loop=uvloop.new_event_loop)
KINDS = [MEMORY, TCP, TLS, TCP_UVLOOP]


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's, which trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
