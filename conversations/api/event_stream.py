"""`GET …/stream/`: the numbered events of a conversation where no socket comes through.

Server-sent events (WHATWG HTML, section 9.2): the same messages as on the socket, without sound.
The id of each is its place, `epoch.seq`, and `Last-Event-ID` goes on from there. An answer is
short, for proxies that hand on nothing before its end; the client comes back by itself.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.database import in_database
from accounts.roles import Permission
from conversations import protocol as p
from conversations.admission import Admitted, give_back, note_departure
from conversations.api.permissions import allowed
from conversations.api.reaching import PageSerializer, come_to, switchboard_of
from conversations.api.schema import UNKNOWN, problems
from conversations.attachment import Attachment, Closed, Dismissed, Switchboard
from conversations.dismissals import DISMISSALS, LOSSES
from conversations.models import Conversation
from conversations.whereabouts import NoRoom

# An answer ends after this much, or so long: some proxies keep it back until then.
ANSWER_BYTES: Final = 256 * 1024
ANSWER_S: Final = 60.0
# Beside what there is to say, something is said so often that nobody takes it for dead.
QUIET_S: Final = 15.0
COME_BACK_MS: Final = 500

_PLACE: Final = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)


# --- The format: pure -------------------------------------------------------------------------


def as_event(frame: bytes) -> bytes:
    """One text frame of the socket as a server-sent event."""
    position = p.position_decoder.decode(frame)
    place = f"id: {position.epoch}.{position.seq}\n" if position.epoch else ""
    return b"%bevent: %b\ndata: %b\n\n" % (place.encode(), position.type.encode(), frame)


def place_of(last_event_id: str) -> tuple[int, int]:
    """Epoch and seq of a `Last-Event-ID`; (0, 0) for what is none of ours."""
    found = _PLACE.fullmatch(last_event_id)
    return (int(found[1]), int(found[2])) if found else (0, 0)


GREETING: Final = b"retry: %d\n\n" % COME_BACK_MS
QUIET: Final = b": nothing new\n\n"


# --- The answer -------------------------------------------------------------------------------


class Answer:
    """One answer's events, until it is long enough, or over."""

    def __init__(
        self,
        switchboard: Switchboard,
        admitted: Admitted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._switchboard = switchboard
        self._admitted = admitted
        self._clock = clock
        self._bytes = 0

    async def events(self) -> AsyncIterator[bytes]:
        yield GREETING
        yield as_event(p.encode(self._admitted.hello))
        try:
            attachment = await self._switchboard.attach(
                self._admitted.conversation_id,
                epoch=self._admitted.epoch,
                seq=self._admitted.seq,
                visit=self._admitted.visit,
            )
        except Closed:
            return  # it comes back, to another server
        try:
            async for chunk in self._until_enough(attachment):
                yield chunk
        finally:
            await attachment.aclose()
            if self._admitted.watcher:
                await in_database(note_departure, self._admitted)

    async def _until_enough(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """What the host says; and, where somebody sends it away, why."""
        until = self._clock() + ANSWER_S
        frames = attachment.frames()
        losing = asyncio.create_task(self._switchboard.access.loss_of(self._admitted.ground))
        going = asyncio.create_task(self._switchboard.moving())
        coming: asyncio.Task[bytes] | None = None
        try:
            while self._bytes < ANSWER_BYTES and (left := until - self._clock()) > 0:
                coming = coming or asyncio.create_task(anext(frames))  # type: ignore[arg-type]
                wait_s = min(left, QUIET_S)
                await asyncio.wait(
                    {coming, losing, going}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED
                )
                if losing.done():
                    yield refusal(LOSSES[losing.result()])
                    return
                if going.done():
                    return
                if not coming.done():
                    yield QUIET
                    continue
                told, coming = await self._told(coming, attachment), None
                if told is None:
                    return
                yield told
        finally:
            for task in filter(None, (coming, losing, going)):
                task.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await task
            await frames.aclose()  # type: ignore[attr-defined]

    async def _told(self, coming: asyncio.Task[bytes], attachment: Attachment) -> bytes | None:
        """The frame that came as an event; None when the conversation, or the visit, is over."""
        try:
            frame = coming.result()
        except StopAsyncIteration:
            return None
        except Dismissed as dismissed:
            return refusal(DISMISSALS[dismissed.reason])
        except NoRoom:
            refused = await in_database(give_back, self._admitted)
            return as_event(p.encode(refused.error))
        if attachment.stream is not None:
            attachment.stream.consumed(len(frame))
        if frame[0] == p.AUDIO:
            return b""
        event = as_event(frame)
        self._bytes += len(event)
        return event


def refusal(why: tuple[int, str, str, str]) -> bytes:
    _, code, message, fix = why
    return as_event(p.encode(p.Error(code=code, message=message, fix=fix, fatal=True)))


class EventStreamRenderer(JSONRenderer):
    """Only for the answer's type to be asked for; a refusal is JSON all the same."""

    media_type = "text/event-stream"
    format = "events"


class HowSerializer(PageSerializer):
    mode = serializers.ChoiceField(
        ("take", "join", "observe"), default="join", help_text="As in `resume` of the socket."
    )


class EventStream(APIView):
    permission_classes = [allowed(Permission.TALK) | allowed(Permission.REVIEW_CONVERSATIONS)]
    renderer_classes = [JSONRenderer, EventStreamRenderer]
    narrowed_to_agents = True

    @extend_schema(
        operation_id="conversations_stream",
        summary="The events of a conversation, as they come",
        description="Server-sent events: the messages of `parley.v1` without sound. An answer ends "
        "after 60 seconds or 256 KiB; come back with `Last-Event-ID`. 204: all was told.",
        parameters=[HowSerializer],
        responses={
            (200, "text/event-stream"): OpenApiTypes.STR,
            204: None,
            **problems(e400="A parameter is not valid.", e404=UNKNOWN),
        },
    )
    def get(self, request: Request, conversation_id: uuid.UUID) -> HttpResponseBase:
        how = HowSerializer(data=request.query_params)
        how.is_valid(raise_exception=True)
        epoch, seq = place_of(request.headers.get("last-event-id", ""))
        admitted = come_to(request, conversation_id, epoch=epoch, seq=seq, **how.validated_data)
        if epoch and has_heard_all(conversation_id, (epoch, seq)):
            return HttpResponse(status=204)  # so a browser does not come back
        answer = Answer(switchboard_of(request), admitted)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(
            answer.events(), content_type="text/event-stream", headers=headers
        )


def has_heard_all(conversation_id: uuid.UUID, place: tuple[int, int]) -> bool:
    """Whether the conversation is over, and there is nothing after this place."""
    conversation = Conversation.objects.get(pk=conversation_id)
    last = (conversation.last_epoch, conversation.last_seq)
    return conversation.has_ended and place >= last
