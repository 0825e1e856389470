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
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ssl import SSLContext

from django.db import Error as DatabaseError

from accounts.database import in_database
from accounts.tenancy import platform_scope
from conversations import bus as b
from conversations import protocol as p
from conversations.access import AccessWatch
from conversations.bus import Bus
from conversations.held import HELD_TEXTS, HeldAudio
from conversations.link import LinkClosed, LinkPool, LinkStream
from conversations.models import Conversation, Lease
from conversations.states import ConversationState
from conversations.transcripts.picture import load_picture

log = logging.getLogger(__name__)

# How often the workers are asked again while nobody hosts the conversation.
ASK_AGAIN_S = 0.5


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

    async def start(self) -> Bus:
        """Start once; later calls give the same bus. A bus that was given is running already."""
        async with self._starting:
            if self.bus is None:
                self.bus = Bus()
                await self.bus.start()
            if self.links is None:
                self.links = LinkPool(self._link_secret, ssl=self._tls)
            return self.bus

    async def aclose(self) -> None:
        if self.links is not None:
            await self.links.aclose()
        if self.bus is not None:
            await self.bus.aclose()

    async def attach(self, conversation_id: uuid.UUID, *, epoch: int, seq: int) -> Attachment:
        """Hold on to a conversation from after (epoch, seq). The caller closes it."""
        bus = await self.start()
        if self.links is None:
            raise RuntimeError("the switchboard was closed")
        attachment = Attachment(conversation_id, bus, self.links, epoch=epoch, seq=seq)
        await bus.join(b.conversation_group(conversation_id), attachment.hear)
        return attachment


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a conversation is: hosted at `address`, ended (`snapshot`), or neither."""

    address: str = ""
    snapshot: p.Snapshot | None = None


class Attachment:
    def __init__(
        self, conversation_id: uuid.UUID, bus: Bus, links: LinkPool, *, epoch: int, seq: int
    ) -> None:
        self.conversation_id = conversation_id
        self._bus = bus
        self._links = links
        self._epoch = epoch
        self._seq = seq
        self.stream: LinkStream | None = None
        self._ended = False
        self._opened = asyncio.Event()
        self._held_audio = HeldAudio()
        self._held_texts: deque[bytes] = deque(maxlen=HELD_TEXTS)

    def hear(self, message: b.Message) -> None:
        """The bus says something about this conversation: look sooner."""
        if isinstance(message, b.Opened):
            self._opened.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield the socket's frames until the conversation has ended.

        A frame that begins with `{` is text. Its size goes back to `stream`, as it was when
        the frame came, by `consumed` once the page has acknowledged it.
        """
        waiting = p.Waiting(reason="finding-worker")
        while True:
            where = await self._find()
            if where is None:
                yield p.encode(waiting)
                where = await self._find_or_ask()
            if where.snapshot is not None:
                yield p.encode(where.snapshot)
                return
            async for frame in self._frames_from(where.address):
                yield frame
                if self._ended:
                    return
            waiting = p.Waiting(reason="worker-lost")

    async def send(self, frame: bytes) -> None:
        """Hand a frame of the client to the host; waits while the host takes no more.

        While nobody hosts the conversation the frame is held, within bounds.
        """
        try:
            if self.stream is not None:
                await self.stream.send(frame)
                return
        except LinkClosed:
            log.info("input held: the stream to the host has ended")
        if frame[0] == p.AUDIO:
            self._held_audio.put(frame)
        else:
            self._held_texts.append(frame)

    async def aclose(self) -> None:
        await self._bus.leave(b.conversation_group(self.conversation_id), self.hear)
        if self.stream is not None:
            self.stream.close("left")
            self.stream = None

    # --- finding the host --------------------------------------------------------------

    async def _find(self) -> Whereabouts | None:
        self._opened.clear()
        try:
            return await in_database(whereabouts, self.conversation_id)
        except DatabaseError as error:
            log.warning("host not looked up: %s", type(error).__name__)
            return None

    async def _find_or_ask(self) -> Whereabouts:
        """Ask the workers again and again until one hosts the conversation."""
        while True:
            await self._bus.publish(b.WORKERS, b.Wanted(str(self.conversation_id)))
            try:
                async with asyncio.timeout(ASK_AGAIN_S):
                    await self._opened.wait()
            except TimeoutError:
                pass
            if (where := await self._find()) is not None:
                return where

    # --- the stream ---------------------------------------------------------------------

    async def _frames_from(self, address: str) -> AsyncIterator[bytes]:
        """Yield what the host at `address` sends, until the stream ends."""
        info = p.encode(p.Attach(str(self.conversation_id), self._epoch, self._seq))
        stream: LinkStream | None = None
        try:
            stream = await self._links.open(address, info)
            # A host speaks first. Nothing is sent to one that turns out not to be there, and
            # nothing overtakes what was held.
            frame = await stream.receive()
            await self._release_held(stream)
            self.stream = stream
            while True:
                self._track(frame)
                yield frame
                frame = await stream.receive()
        except LinkClosed as closed:
            log.info("stream to the host ended: %s", closed.reason)
            if self.stream is None:
                # The lease still names a worker that is gone, or is just letting go.
                await asyncio.sleep(ASK_AGAIN_S)
        finally:
            self.stream = None
            if stream is not None:
                stream.close("left")

    async def _release_held(self, stream: LinkStream) -> None:
        while self._held_texts:
            await stream.send(self._held_texts[0])
            self._held_texts.popleft()
        for frame in self._held_audio.take():
            await stream.send(frame)

    def _track(self, frame: bytes) -> None:
        if frame[0] == p.AUDIO:
            return
        position = p.position_decoder.decode(frame)
        if position.epoch:
            self._epoch, self._seq = position.epoch, position.seq
        self._ended = position.kind == "ended"


def whereabouts(conversation_id: uuid.UUID) -> Whereabouts | None:
    with platform_scope("attachment looks for the host"):
        conversation = Conversation.objects.get(id=conversation_id)
        if conversation.state == ConversationState.ENDED:
            return Whereabouts(
                snapshot=p.Snapshot(
                    epoch=conversation.last_epoch,
                    seq=conversation.last_seq,
                    state=load_picture(conversation),
                )
            )
        held = Lease.objects.holder(conversation_id)
        return Whereabouts(address=held[0]) if held else None
