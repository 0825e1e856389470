"""Control messages between processes, over channel-layer groups. The layer's only user.

A layer may lose, repeat or delay any message, and the in-memory one is deaf to other
processes. So nothing here is ever the truth: each message only makes somebody look sooner
at what the database already says, and whoever needs an answer asks until it has one.

Groups: `workers` hears who needs a host; `conversation.<id>` hears what becomes of one.
A process has one channel, in every group it needs, read by one task. Handlers are plain
functions that must not block: so the channel's queue never grows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from channels.layers import BaseChannelLayer, get_channel_layer
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

WORKERS = "workers"
MESSAGE_TYPE = "parley.control"
LAYER_DOWN = (OSError, RedisError)
RETRY_S = 1.0
# A layer that hangs must not hold up who asks: the database has the facts.
WITHIN_S = 1.0


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """To `workers`: who has room for this conversation?"""

    conversation: str


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A worker hosts the conversation now and listens for links at `address`."""

    conversation: str
    address: str
    epoch: int


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    """Somebody wrote a stop reason: the host should look at once."""

    conversation: str


class Asked(msgspec.Struct, frozen=True, tag="asked"):
    """To `workers`: an operator wants something of one of them."""

    worker: str


Message = Wanted | Opened | Stopped | Asked
Handler = Callable[[Message], None]


def conversation_group(conversation_id: object) -> str:
    return f"conversation.{conversation_id}"


class Bus:
    """One process's ear and voice on the channel layer."""

    def __init__(self, layer: BaseChannelLayer | None = None) -> None:
        chosen = layer or get_channel_layer()
        if chosen is None:
            raise RuntimeError("CHANNEL_LAYERS has no default layer")
        self._layer: BaseChannelLayer = chosen
        self._channel = ""
        self._handlers: dict[str, list[Handler]] = {}
        self._unheard: set[str] = set()  # groups that the layer has not let us into yet
        self._reader: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._channel = await self._layer.new_channel()
        self._reader = asyncio.create_task(self._read(), name="bus")
        self._keeper = asyncio.create_task(self._keep_joining(), name="bus groups")

    async def aclose(self) -> None:
        if self._reader is None or self._keeper is None:
            return
        self._keeper.cancel()
        for group in list(self._handlers):
            await self._quietly(self._layer.group_discard(group, self._channel))
        self._handlers.clear()
        self._reader.cancel()
        await asyncio.gather(self._reader, self._keeper, return_exceptions=True)

    async def join(self, group: str, handler: Handler) -> None:
        """Call `handler` for every message of `group` from now on."""
        handlers = self._handlers.setdefault(group, [])
        handlers.append(handler)
        if len(handlers) == 1 and not await self._quietly(
            self._layer.group_add(group, self._channel)
        ):
            self._unheard.add(group)

    async def leave(self, group: str, handler: Handler) -> None:
        handlers = self._handlers.get(group, [])
        if handler in handlers:
            handlers.remove(handler)
        if not handlers and self._handlers.pop(group, None) is not None:
            self._unheard.discard(group)
            await self._quietly(self._layer.group_discard(group, self._channel))

    async def publish(self, group: str, message: Message) -> bool:
        """Tell a group. Returns whether the layer took it, which says nothing of who hears."""
        body = msgspec.json.encode(message).decode()
        envelope = {"type": MESSAGE_TYPE, "group": group, "body": body}
        return await self._quietly(self._layer.group_send(group, envelope))

    async def _quietly(self, call: Awaitable[None]) -> bool:
        """A layer that is down is no error here: the database has the facts."""
        try:
            async with asyncio.timeout(WITHIN_S):
                await call
        except LAYER_DOWN as error:
            log.warning("channel layer not reached: %s", type(error).__name__)
            return False
        return True

    async def _keep_joining(self) -> None:
        """Join what the layer was down for."""
        while True:
            await asyncio.sleep(RETRY_S)
            for group in list(self._unheard):
                if await self._quietly(self._layer.group_add(group, self._channel)):
                    self._unheard.discard(group)

    async def _read(self) -> None:
        while True:
            try:
                envelope = await self._layer.receive(self._channel)
            except LAYER_DOWN as error:
                log.warning("channel layer not read: %s", type(error).__name__)
                await asyncio.sleep(RETRY_S)
                continue
            self._deliver(envelope)

    def _deliver(self, envelope: dict[str, Any]) -> None:
        try:
            message = msgspec.json.decode(envelope["body"], type=Message)
            handlers = list(self._handlers.get(envelope["group"], []))
        except (KeyError, TypeError, msgspec.MsgspecError):
            log.warning("control message not understood")
            return
        for handler in handlers:
            try:
                handler(message)
            except Exception:  # one handler's fault must not make the process deaf
                log.exception("control message handler failed")
