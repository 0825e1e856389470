"""The live socket: `/ws/conversations/`, `parley.v1`.

A consumer here is one socket. It accepts and checks who calls, and from which page, so that a
refusal is an error the page can show. After that it only hands frames on: from the link to the
socket, from the socket to the link.

It stays a Channels consumer, with a receive loop of its own: the stock `dispatch` makes a
thread hop and a task for each message, which couples all sockets of the process to one
thread (docs/decisions/004-*.md).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import msgspec
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from channels.consumer import AsyncConsumer
from django.db import Error as DatabaseError

from accounts.database import in_database
from conversations import protocol as p
from conversations.access import Ground
from conversations.admission import Admitted, Refused, admit, give_back, note_departure
from conversations.attachment import Attachment, Closed, Dismissed, Switchboard
from conversations.dismissals import DISMISSALS, LOSSES
from conversations.quotas.bucket import TokenBucket
from conversations.socket import Disconnected, Socket, Unacknowledged, explain
from conversations.states import Medium
from conversations.whereabouts import NoRoom

log = logging.getLogger(__name__)

# Sockets that have not said who they are yet; more are turned away until some have.
MAX_STRANGERS = 500
# A client that keeps sending what is not parley.v1 is let go.
MAX_ERRORS = 20
# Two missed heartbeats and a half: the peer is gone, whatever TCP believes.
SILENCE_S = p.HEARTBEAT_MS / 1000 * 2.5

NOT_STARTED = p.Error(
    code="not-started",
    message="The conversation has not been opened on this socket.",
    fix="Send `start` or `resume` first.",
)
FRAME_TOO_BIG = p.Error(
    code="frame-too-big",
    message=f"A message may have {p.FRAME_BYTES} bytes.",
    fix="Send less in one message.",
)
PICTURE_KIND = bytes([p.PICTURE])
# Frames of every kind. Audio in pieces of 20 ms makes 50 a second; a page that was away, or a
# program that reads a file, may be ahead for a while.
FRAMES_PER_S = 200
FRAMES_AT_ONCE = 2000
# A big frame counts for several: in bytes this makes 1.6 MB a second, fifty times what speech is.
FRAME_UNIT_BYTES = 8 * 1024
TOO_FAST = p.Error(
    code="too-many-frames",
    message="Frames come faster than any talk needs. This one was dropped.",
    fix=f"Send at most {FRAMES_PER_S} frames a second.",
    retry_after_s=1,
)
# The model looks at one a second; a page's timer is not exact, and the newest wins.
PICTURES_PER_S = 2
PICTURES_AT_ONCE = 4
TOO_MANY_PICTURES = p.Error(
    code="too-many-pictures",
    message="Pictures come faster than any model looks at them. This one was dropped.",
    fix="Send one picture a second.",
    retry_after_s=1,
)
NOT_THIS_MEDIUM = p.Error(
    code="not-this-medium",
    message="The token is not for sending that.",
    fix="Send only what the token's `modalities` say.",
)
WORKER_BEHIND = p.Error(
    code="worker-behind",
    message="Your message was not taken: nobody hosts the conversation right now.",
    fix="Send it again when the conversation goes on.",
)
NOT_ACKNOWLEDGED = p.Error(
    code="not-acknowledged",
    message="Too many frames were not acknowledged.",
    fix="Send `ack` with the number of frames received, at least every 16 frames.",
    fatal=True,
)

# A database that does not say who may come within this time is as good as away.
STORE_WITHIN_S = 10.0
STORE_AGAIN_S = 2
STORE_AWAY = (
    p.Close.OUR_FAULT,
    "store-away",
    "Parley's store does not answer right now. Conversations that run go on.",
    "Try again in a moment.",
)


class TooManyErrors(Exception):
    """The client does not speak parley.v1."""


class ConversationConsumer(AsyncConsumer):
    """One page's socket to one conversation."""

    strangers = 0

    def __init__(self, switchboard: Switchboard) -> None:
        super().__init__()
        self._switchboard = switchboard
        self._errors = 0

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        socket = Socket(receive, send)
        if ConversationConsumer.strangers >= MAX_STRANGERS:
            await socket.close(p.Close.NOT_ALLOWED)  # before accepting: HTTP 403
            return
        with suppress(Disconnected):
            await socket.accept(scope["subprotocols"])
            await self._serve(scope, socket)

    async def _serve(self, scope: Any, socket: Socket) -> None:
        try:
            admitted = await self._introduce(scope, socket)
            await self._converse(socket, admitted)
        except Refused as refusal:
            await socket.send(refusal.error)
            await socket.close(refusal.close_code, refusal.error.code)
        except Unacknowledged:
            await socket.close(p.Close.TOO_MANY, NOT_ACKNOWLEDGED.code)
        except TooManyErrors:
            await socket.close(p.Close.BAD_FIRST_MESSAGE, "too-many-errors")

    # --- who is it? -----------------------------------------------------------------

    async def _introduce(self, scope: Any, socket: Socket) -> Admitted:
        ConversationConsumer.strangers += 1
        try:
            first = await self._first_message_in_time(socket)
            async with asyncio.timeout(STORE_WITHIN_S):
                return await in_database(admit, scope, first)
        except (DatabaseError, TimeoutError) as error:
            log.warning("nobody admitted: %s", type(error).__name__)
            raise Refused(*STORE_AWAY, retry_after_s=STORE_AGAIN_S) from None
        finally:
            ConversationConsumer.strangers -= 1

    async def _first_message_in_time(self, socket: Socket) -> p.FirstMessage:
        try:
            async with asyncio.timeout(p.FIRST_MESSAGE_S):
                return await self._first_message(socket)
        except TimeoutError:
            raise Refused(
                p.Close.NO_FIRST_MESSAGE,
                "no-first-message",
                "Nothing was opened on this socket in time.",
                "Connect again and send `start` or `resume` at once.",
            ) from None

    async def _first_message(self, socket: Socket) -> p.FirstMessage:
        while True:
            frame = await socket.receive()
            try:
                if isinstance(frame, str):
                    return p.first_decoder.decode(frame)
                await self._complain(socket, NOT_STARTED)
            except msgspec.MsgspecError as error:
                known = is_client_message(frame)
                await self._complain(socket, NOT_STARTED if known else explain(error))

    # --- the conversation -------------------------------------------------------------

    async def _converse(self, socket: Socket, admitted: Admitted) -> None:
        await socket.send(admitted.hello)
        try:
            attachment = await self._switchboard.attach(
                admitted.conversation_id,
                epoch=admitted.epoch,
                seq=admitted.seq,
                visit=admitted.visit,
            )
        except Closed:
            await socket.close(p.Close.DRAINING, "server draining")
            return
        tasks = [
            asyncio.create_task(self._down(socket, attachment), name="socket down"),
            asyncio.create_task(self._up(socket, attachment, admitted.media), name="socket up"),
            asyncio.create_task(self._watch(socket), name="socket heartbeat"),
            asyncio.create_task(self._watch_access(admitted.ground), name="socket access"),
            asyncio.create_task(self._let_move(socket), name="socket moves"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except Dismissed as dismissed:
            raise Refused(*DISMISSALS[dismissed.reason]) from None
        except NoRoom:
            raise await in_database(give_back, admitted) from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await attachment.aclose()
            if admitted.watcher:
                await in_database(note_departure, admitted)

    async def _watch(self, socket: Socket) -> None:
        """End a socket that went silent. One timer, not one for each frame."""
        loop = asyncio.get_running_loop()
        while (left := socket.heard_at + SILENCE_S - loop.time()) > 0:  # noqa: ASYNC110 - it waits for time to pass
            await asyncio.sleep(left)
        await socket.close(p.Close.NO_FIRST_MESSAGE, "heartbeat-missed")

    async def _watch_access(self, ground: Ground) -> None:
        """Let the caller go when what let them in does not hold any more."""
        loss = await self._switchboard.access.loss_of(ground)
        raise Refused(*LOSSES[loss])

    async def _let_move(self, socket: Socket) -> None:
        """When this process goes: tell the page, and give it time to come again elsewhere."""
        moving = await self._switchboard.moving()
        await socket.send(moving)
        await asyncio.sleep(moving.within_ms / 1000)
        await socket.close(p.Close.DRAINING, "server draining")

    async def _down(self, socket: Socket, attachment: Attachment) -> None:
        async for frame in attachment.frames():
            await socket.send_frame(frame, attachment.stream)
        await socket.close(p.Close.NORMAL, "ended")

    async def _up(self, socket: Socket, attachment: Attachment, media: frozenset[Medium]) -> None:
        frames = TokenBucket(per_s=FRAMES_PER_S, burst=FRAMES_AT_ONCE, now=socket.heard_at)
        pictures = TokenBucket(per_s=PICTURES_PER_S, burst=PICTURES_AT_ONCE, now=socket.heard_at)
        while True:
            frame = await socket.receive()
            if frames.take(socket.heard_at, 1 + len(frame) // FRAME_UNIT_BYTES):
                await self._complain(socket, TOO_FAST)
            elif isinstance(frame, str):
                await self._take_text(socket, attachment, frame, media)
            elif frame[:1] == PICTURE_KIND and pictures.take(socket.heard_at):
                await self._complain(socket, TOO_MANY_PICTURES)
            elif (Medium.IMAGE if frame[:1] == PICTURE_KIND else Medium.AUDIO) not in media:
                await self._complain(socket, NOT_THIS_MEDIUM)
            else:
                await self._take_binary(socket, attachment, frame)
            if (gap := attachment.held.lost.tell(socket.heard_at)) is not None:
                await socket.send(gap)

    async def _take_text(
        self, socket: Socket, attachment: Attachment, frame: str, media: frozenset[Medium]
    ) -> None:
        if len(frame) > p.FRAME_BYTES:
            await self._complain(socket, FRAME_TOO_BIG)
            return
        try:
            message = p.client_decoder.decode(frame)
        except msgspec.MsgspecError as error:
            await self._complain(socket, explain(error))
            return
        match message:
            case p.Ack(frames=frames):
                socket.ledger.acknowledge(frames)
            case p.Ping():
                await socket.send(p.Pong())
            case _ if attachment.role == "observer":
                await self._complain(socket, p.READ_ONLY)
            case p.SendText() if Medium.TEXT not in media:
                await self._complain(socket, NOT_THIS_MEDIUM)
            case _:
                if not await attachment.send(p.encode(message)):
                    await socket.send(WORKER_BEHIND)

    async def _take_binary(self, socket: Socket, attachment: Attachment, frame: bytes) -> None:
        if attachment.role == "observer":
            await self._complain(socket, p.READ_ONLY)
            return
        try:
            p.check_input_frame(frame)
        except p.BadFrame as error:
            await self._complain(
                socket, p.Error(code=error.code, message=str(error), fix=error.fix)
            )
            return
        await attachment.send(frame)

    async def _complain(self, socket: Socket, error: p.Error) -> None:
        self._errors += 1
        await socket.send(error)
        if self._errors >= MAX_ERRORS:
            raise TooManyErrors


class UnknownPathConsumer(AsyncConsumer):
    """Any other socket path: a typed refusal instead of a failed handshake."""

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        socket = Socket(receive, send)
        with suppress(Disconnected):
            await socket.accept(scope["subprotocols"])
            await socket.send(
                p.Error(
                    code="unknown-path",
                    message="There is no socket at this path.",
                    fix="Conversations are at /ws/conversations/.",
                    fatal=True,
                )
            )
            await socket.close(p.Close.NOT_FOUND, "unknown-path")


def is_client_message(frame: str | bytes) -> bool:
    try:
        p.client_decoder.decode(frame)
    except msgspec.MsgspecError:
        return False
    return True
