"""Two cores with an imaginary wire between them, and a peer whose bytes a test writes itself."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from conversations.link.core import DEFAULT_WINDOW, LinkCore
from conversations.link.deadlines import DEFAULT_LIMITS, Limits
from conversations.link.events import Event, Opened
from conversations.link.flow import Flow
from conversations.link.handshake import Role

SECRET = b"s" * 32
OTHER_SECRET = b"o" * 32


def new_core(
    role: Role, *, secret: bytes = SECRET, limits: Limits = DEFAULT_LIMITS, now: float = 0.0
) -> LinkCore:
    return LinkCore(role, secret, nonce=role.value.ljust(32), now=now, limits=limits)


class CorePair:
    """`web` dials `worker`; bytes wait on the wire until they are delivered, in any cut."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.now = 0.0
        self.web = new_core(Role.CONNECTING, limits=limits)
        self.worker = new_core(Role.LISTENING, limits=limits)
        self._to_web = bytearray()
        self._to_worker = bytearray()

    def peer(self, core: LinkCore) -> LinkCore:
        return self.worker if core is self.web else self.web

    def wire_to(self, core: LinkCore) -> bytearray:
        return self._to_web if core is self.web else self._to_worker

    def write(self, core: LinkCore, limit: int = 1 << 16) -> None:
        """What the core has to send goes onto the wire."""
        self.wire_to(self.peer(core)).extend(core.data_to_send(limit))

    def deliver(self, core: LinkCore, size: int = 1 << 30) -> list[Event]:
        """The first `size` bytes on the wire arrive at the core."""
        wire = self.wire_to(core)
        data = bytes(wire[:size])
        del wire[:size]
        return core.receive_data(data, self.now)

    def pump(self) -> list[Event]:
        """Write and deliver until nothing moves; all events of both ends."""
        events: list[Event] = []
        cores = (self.web, self.worker)
        while any(core.has_output or self.wire_to(core) for core in cores):
            for core in cores:
                self.write(core)
            for core in cores:
                events += self.deliver(core)
        return events

    def open(self, info: bytes = b"", window: int = DEFAULT_WINDOW) -> tuple[Flow, Flow]:
        """A stream's two ends: the web's and the worker's."""
        flow = self.web.open(info, window)
        opened = [event.flow for event in self.pump() if isinstance(event, Opened)]
        assert [other.id for other in opened] == [flow.id]
        return flow, opened[0]


def joined(limits: Limits = DEFAULT_LIMITS) -> CorePair:
    """A pair after its handshake."""
    pair = CorePair(limits)
    pair.pump()
    assert pair.web.established
    assert pair.worker.established
    return pair


class HandPeer:
    """A peer over TCP that reads and writes only when the test says so."""

    def __init__(
        self,
        role: Role,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        secret: bytes = SECRET,
    ) -> None:
        now = asyncio.get_running_loop().time()
        self.core = new_core(role, secret=secret, now=now)
        self.opened: list[Flow] = []
        self.reader = reader
        self.writer = writer

    @classmethod
    async def dial(cls, address: str, secret: bytes = SECRET) -> "HandPeer":
        parts = urlsplit(address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(Role.CONNECTING, reader, writer, secret)

    def write(self) -> None:
        while self.core.has_output:
            self.writer.write(self.core.data_to_send())

    async def exchange(self, done: Callable[[], object]) -> None:
        """Read and write until `done()`, or until the other end has closed."""
        self.write()
        while not done():
            data = await self.reader.read(1 << 16)
            if not data:
                break
            events = self.core.receive_data(data, asyncio.get_running_loop().time())
            self.opened += [event.flow for event in events if isinstance(event, Opened)]
            self.write()

    async def open(self, info: bytes = b"", window: int = DEFAULT_WINDOW) -> Flow:
        await self.exchange(lambda: self.core.established)
        flow = self.core.open(info, window)
        await self.exchange(lambda: flow.accepted)
        return flow

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
