"""A socket's hold on a conversation, wherever that is hosted.

The consumer, and whatever else shows a conversation, asks the process's `Switchboard` for
an `Attachment` and reads frames from it. Behind it: find the host by its lease, ask the
workers until one takes the conversation, open a stream over the link, and do so again
whenever the stream breaks, going on from the last event that was seen.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from ssl import SSLContext

from conversations import bus as b
from conversations import protocol as p
from conversations.access import AccessWatch
from conversations.bus import Bus
from conversations.held import Held
from conversations.link import LinkClosed, LinkPool, LinkStream
from conversations.underway import TAKEN_PREFIX, Underway, read_closing
from conversations.whereabouts import ASK_AGAIN_S, Search, Visit

log = logging.getLogger(__name__)

# A host that takes nothing for so long is hung, or out of reach.
TAKES_WITHIN_S = 1.0
END = p.encode(p.End())


class Closed(Exception):
    """The switchboard was closed: this process is about to end."""


class Dismissed(Exception):
    """The host let this socket go. `reason`: the protocol's STREAM_TAKEN or STREAM_CROWDED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Switchboard:
    """One process's way to every host: its ear on the bus and its links to workers."""

    def __init__(
        self, link_secret: bytes, *, tls: SSLContext | None = None, bus: Bus | None = None
    ) -> None:
        self.bus = bus
        self.links: LinkPool | None = None
        self.access = AccessWatch()
        self._link_secret = link_secret
        self._tls = tls
        self._starting = asyncio.Lock()
        self._moving = asyncio.Event()
        self._move_by = 0.0
        self._is_closed = False

    async def start(self) -> Bus:
        """Start once; later calls give the same bus. A bus that was given is running already.

        Raises Closed after `aclose`.
        """
        async with self._starting:
            if self._is_closed:
                raise Closed
            if self.bus is None:
                self.bus = Bus()
                await self.bus.start()
            if self.links is None:
                self.links = LinkPool(self._link_secret, ssl=self._tls)
            return self.bus

    def move(self, within_s: float) -> None:
        """Let every page know that this process goes: it is to be elsewhere by then."""
        self._move_by = asyncio.get_running_loop().time() + within_s
        self._moving.set()

    async def moving(self) -> p.Moving:
        """Wait until pages have to move. Returns what to tell them."""
        await self._moving.wait()
        left_s = self._move_by - asyncio.get_running_loop().time()
        return p.Moving(within_ms=max(0, round(left_s * 1000)))

    async def aclose(self) -> None:
        self._is_closed = True
        if self.links is not None:
            await self.links.aclose()
        if self.bus is not None:
            await self.bus.aclose()

    async def attach(
        self, conversation_id: uuid.UUID, *, epoch: int, seq: int, visit: Visit | None = None
    ) -> Attachment:
        """Hold on to a conversation from after (epoch, seq). The caller closes it.

        Raises Closed after `aclose`.
        """
        bus = await self.start()
        if self.links is None:
            raise Closed
        visit = visit or Visit()
        attachment = Attachment(conversation_id, bus, self.links, visit, epoch=epoch, seq=seq)
        await bus.join(b.conversation_group(conversation_id), attachment.hear)
        return attachment


class Attachment:
    """`role`: what this socket is in the conversation, as far as it is known."""

    def __init__(
        self,
        conversation_id: uuid.UUID,
        bus: Bus,
        links: LinkPool,
        visit: Visit,
        *,
        epoch: int,
        seq: int,
    ) -> None:
        self.conversation_id = conversation_id
        self.role: p.Role = "observer" if visit.mode == "observe" else "owner"
        self._bus = bus
        self._links = links
        self._search = Search(conversation_id, bus, waits=visit.waits)
        self._page = visit.page
        self._mode = visit.mode
        self._epoch = epoch
        self._seq = seq
        self.stream: LinkStream | None = None
        self._ended = False
        self.held = Held()
        self._underway = Underway()
        self._line = uuid.uuid4().hex
        self._releasing: asyncio.Task[None] | None = None

    def hear(self, message: b.Message) -> None:
        """The bus says something about this conversation: look sooner."""
        if isinstance(message, b.Opened):
            self._search.look_sooner()

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield the socket's frames until the conversation has ended.

        A frame that begins with `{` is text. Its size goes back to `stream`, as it was when
        the frame came, by `consumed` once the page has acknowledged it.

        Raises:
            Dismissed: another page took over, or there are too many observers.
            whereabouts.NoRoom: every worker is full, and this visit does not wait.
        """
        waiting = p.Waiting(reason="finding-worker")
        while True:
            if await self._search.look() is None:
                async for told in self._until_hosted(waiting):
                    yield p.encode(told)
            where = self._search.found
            if where is None:
                continue
            if where.snapshot is not None:
                yield p.encode(where.snapshot)
                return
            async for frame in self._frames_from(where.address):
                yield frame
                if self._ended:
                    return
            waiting = p.Waiting(reason="worker-lost")

    async def send(self, frame: bytes) -> bool:
        """Hand a frame of the client to the host. False: a text was not taken, say so.

        Waits a little while the host takes no more, so that a burst passes whole. After that,
        and while nobody hosts the conversation, frames are held, within bounds; what is dropped
        then is in `held.lost`.
        """
        stream = self.stream
        if stream is None and frame == END:
            self._search.give_up()
        if stream is None or self.held:
            return self.held.put(frame)
        try:
            if not stream.send_nowait(frame):
                async with asyncio.timeout(TAKES_WITHIN_S):
                    await stream.send(frame)
        except LinkClosed:
            log.info("input held: the stream to the host has ended")
        except TimeoutError:
            log.info("input held: the host takes no more")
        else:
            self._underway.sent(frame)
            return True
        taken = self.held.put(frame)
        if not stream.closed:
            self._release(stream)
        return taken

    async def handed_over(self) -> None:
        """Wait until the host of the moment has been sent what was held."""
        if self._releasing is not None:
            await self._releasing

    async def aclose(self) -> None:
        await self._bus.leave(b.conversation_group(self.conversation_id), self.hear)
        if self._releasing is not None:
            self._releasing.cancel()
        if self.stream is not None:
            self.stream.close("left")
            self.stream = None

    async def _until_hosted(self, waiting: p.Waiting) -> AsyncIterator[p.ServerMessage]:
        if self._mode == "observe":
            async for told in self._search.look_on():
                yield told
        else:
            yield waiting
            async for told in self._search.ask():
                yield told

    # --- the stream ---------------------------------------------------------------------

    async def _frames_from(self, address: str) -> AsyncIterator[bytes]:
        """Yield what the host at `address` sends, until the stream ends."""
        where = (str(self.conversation_id), self._epoch, self._seq)
        info = p.encode(p.Attach(*where, page=self._page, mode=self._mode, line=self._line))
        stream: LinkStream | None = None
        try:
            stream = await self._links.open(address, info)
            # A host speaks first. Nothing is sent to one that turns out not to be there, and
            # nothing overtakes what was held.
            frame = await self._next(stream)
            self._take_up(stream)
            while True:
                yield frame
                frame = await self._next(stream)
        except LinkClosed as closed:
            log.info("stream to the host ended: %s", closed.reason)
            reason, taken = read_closing(closed.reason)
            if taken is not None:
                self._underway.confirm(taken)
            if reason in {p.STREAM_TAKEN, p.STREAM_CROWDED}:
                raise Dismissed(reason) from None
            if self.stream is None:
                # The lease still names a worker that is gone, or is just letting go.
                await asyncio.sleep(ASK_AGAIN_S)
        finally:
            self.stream = None
            if stream is not None:
                stream.close("left")

    async def _next(self, stream: LinkStream) -> bytes:
        """The host's next frame for the page. Raises LinkClosed."""
        while (frame := await stream.receive()).startswith(TAKEN_PREFIX):
            stream.consumed(len(frame))
            self._underway.confirm(p.taken_decoder.decode(frame).frames)
        self._track(frame)
        return frame

    def _take_up(self, stream: LinkStream) -> None:
        """The host is there, and has said what it has got already: the rest goes to it first."""
        lost = self._underway.take_back()
        if self.role == "observer":
            self.held = Held()  # it was said to a conversation that is another page's now
        else:
            self.held.put_back(lost)
        self.stream = stream
        self._release(stream)

    def _release(self, stream: LinkStream) -> None:
        """Send what is held, as the host takes it; what comes meanwhile waits behind it."""
        if self.held:
            self._releasing = asyncio.create_task(self._send_held(stream), name="held input")

    async def _send_held(self, stream: LinkStream) -> None:
        with suppress(LinkClosed):  # the next host gets what is left
            while (frame := self.held.peek()) is not None:
                if stream.send_nowait(frame):
                    self.held.pop()
                    self._underway.sent(frame)
                else:
                    await stream.wait_writable()

    def _track(self, frame: bytes) -> None:
        if frame[0] == p.AUDIO:
            return
        position = p.position_decoder.decode(frame)
        if position.type == "presence":
            self._stand(p.server_decoder.decode(frame))
        if position.epoch:
            self._epoch, self._seq = position.epoch, position.seq
        self._ended = position.kind == "ended"

    def _stand(self, presence: p.ServerMessage) -> None:
        """What it is; to another host it comes as that, and takes nothing from anybody."""
        if isinstance(presence, p.Presence):
            self.role = presence.role
            if self._mode != "speak":
                self._mode = "join" if presence.role == "owner" else "observe"
