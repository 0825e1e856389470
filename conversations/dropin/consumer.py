"""Google's socket, as a consumer with a receive loop of its own (docs/decisions/004-*.md).

It accepts at once, as Google does, and refuses by a close after the setup, whose words the SDKs
show. Nothing is acknowledged in Google's protocol: what bounds a slow reader is the server, whose
`send` waits; the host's window opens again as frames have gone out.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from channels.consumer import AsyncConsumer
from django.db import Error as DatabaseError

from accounts.database import in_database
from conversations import protocol as p
from conversations.access import Ground
from conversations.admission import give_back
from conversations.attachment import END, Attachment, Closed, Dismissed, Switchboard
from conversations.consumers import (
    FRAME_UNIT_BYTES,
    FRAMES_AT_ONCE,
    FRAMES_PER_S,
    MAX_STRANGERS,
    STORE_WITHIN_S,
)
from conversations.dropin import refusals as r
from conversations.dropin.hearing import Hearing
from conversations.dropin.opening import Opened, from_page, open_session
from conversations.dropin.paths import service_of
from conversations.dropin.setup import read_setup
from conversations.dropin.telling import Telling
from conversations.quotas.bucket import TokenBucket
from conversations.socket import Disconnected, Socket
from conversations.states import Medium
from conversations.whereabouts import NoRoom, end_unhosted

log = logging.getLogger(__name__)


class DropInConsumer(AsyncConsumer):
    """One connection of an official SDK."""

    strangers = 0

    def __init__(self, switchboard: Switchboard) -> None:
        super().__init__()
        self._switchboard = switchboard

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        socket = Socket(receive, send)
        if DropInConsumer.strangers >= MAX_STRANGERS:
            await socket.close(r.FORBIDDEN)  # before accepting: HTTP 403
            return
        with suppress(Disconnected):
            await socket.accept(())
            try:
                await self._converse(socket, await self._introduce(scope, socket))
            except r.Refusal as refusal:
                await socket.close(refusal.code, refusal.reason)

    # --- who is it, and what is asked for ----------------------------------------------

    async def _introduce(self, scope: Any, socket: Socket) -> Opened:
        DropInConsumer.strangers += 1
        try:
            asked = read_setup(await self._setup_in_time(socket))
            async with asyncio.timeout(STORE_WITHIN_S):
                return await in_database(open_session, scope, service_of(scope["path"]), asked)
        except (DatabaseError, TimeoutError) as error:
            log.warning("nobody let in: %s", type(error).__name__)
            raise r.unavailable() from None
        finally:
            DropInConsumer.strangers -= 1

    async def _setup_in_time(self, socket: Socket) -> str | bytes:
        try:
            async with asyncio.timeout(p.FIRST_MESSAGE_S):
                return await socket.receive()
        except TimeoutError:
            raise r.no_setup_in_time() from None

    # --- the conversation ------------------------------------------------------------------

    async def _converse(self, socket: Socket, opened: Opened) -> None:
        admitted = opened.admitted
        try:
            attachment = await self._switchboard.attach(
                admitted.conversation_id, epoch=0, seq=0, visit=admitted.visit
            )
        except Closed:
            raise r.unavailable() from None
        telling = Telling(opened.manner, admitted.visit.page)
        tasks = [
            asyncio.create_task(self._down(socket, attachment, telling), name="drop-in down"),
            asyncio.create_task(self._up(socket, attachment, admitted.media), name="drop-in up"),
            asyncio.create_task(self._watch_access(admitted.ground), name="drop-in access"),
            asyncio.create_task(self._let_move(socket, telling), name="drop-in moves"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except Dismissed:
            raise r.aborted("The session was resumed on another connection.") from None
        except NoRoom:
            raise from_page(await in_database(give_back, admitted)) from None
        finally:
            if not opened.resumable and telling.ended is None:
                await leave(attachment)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await attachment.aclose()

    async def _down(self, socket: Socket, attachment: Attachment, telling: Telling) -> None:
        async for frame in attachment.frames():
            stream = attachment.stream
            for message in telling.take(frame):
                await socket.send_bytes(message)
            if stream is not None:
                stream.consumed(len(frame))
            while telling.owed:
                await attachment.send(p.encode(telling.owed.pop(0)))
            if telling.ended is not None:
                raise telling.ended

    async def _up(self, socket: Socket, attachment: Attachment, media: frozenset[Medium]) -> None:
        """Hand on what the caller says. Who sends faster than any talk needs has to wait."""
        hearing = Hearing(media)
        frames = TokenBucket(per_s=FRAMES_PER_S, burst=FRAMES_AT_ONCE, now=socket.heard_at)
        clock = asyncio.get_running_loop().time
        while True:
            message = await socket.receive()
            weight = 1 + len(message) // FRAME_UNIT_BYTES
            while wait_s := frames.take(clock(), weight):  # noqa: ASYNC110 - for time to pass
                await asyncio.sleep(wait_s)
            for frame in hearing.take(message):
                if not await attachment.send(frame):
                    raise r.unavailable()

    async def _watch_access(self, ground: Ground) -> None:
        """Let the caller go when what let it in does not hold any more."""
        await self._switchboard.access.loss_of(ground)
        raise r.invalid_credentials()

    async def _let_move(self, socket: Socket, telling: Telling) -> None:
        """When this process goes: Google's goAway, and time to come again elsewhere."""
        moving = await self._switchboard.moving()
        await socket.send_bytes(telling.leaving(moving.within_ms))
        await asyncio.sleep(moving.within_ms / 1000)
        raise r.unavailable()


# How long the host may take to hear that the caller has left.
LEAVE_WITHIN_S: Final = 2.0


async def leave(attachment: Attachment) -> None:
    """The caller is gone and has no handle to come back with: the conversation is over."""
    if attachment.stream is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await attachment.send(END)
        return
    try:
        await in_database(end_unhosted, attachment.conversation_id)
    except DatabaseError as error:
        log.warning("conversation not ended: %s", type(error).__name__)
