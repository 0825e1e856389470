"""`POST …/messages/`: say one thing in a running conversation, without a socket.

Whoever is told that it was taken has it saved: a typed text is stored by then, a call is noted,
a conversation is over. Who hears nothing says the same again; a text's `id` makes it count once.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any, Final

import msgspec
from asgiref.sync import async_to_sync
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.database import in_database
from accounts.roles import Permission
from conversations import protocol as p
from conversations.admission import Admitted, give_back
from conversations.api.permissions import allowed
from conversations.api.reaching import (
    ConversationRefused,
    PageSerializer,
    come_to,
    refused,
    switchboard_of,
)
from conversations.api.schema import UNKNOWN, problems
from conversations.attachment import Attachment, Closed, Dismissed, Switchboard
from conversations.states import OPEN_CALLS, CallState
from conversations.whereabouts import NoRoom

Said = p.SendText | p.ToolTake | p.ToolResult | p.Stay | p.StopRecording | p.End

# Until a worker has the conversation, and has stored what was said.
TAKEN_WITHIN_S: Final = 20.0

NOT_TAKEN = p.Error(
    code="not-confirmed",
    message="Nobody has confirmed this in time. It may have been taken all the same.",
    fix="Say it again, a text with the same id: then it counts once.",
    retry_after_s=2,
)
NOT_YOURS = p.Error(
    code="read-only",
    message="Another page has this conversation.",
    fix="Give the `page` of the event stream that owns it, or take it there.",
)
GOING = p.Error(
    code="server-draining",
    message="This server is about to end.",
    fix="Ask again: another one answers.",
    retry_after_s=1,
)
OVER = p.Error(
    code="conversation-ended",
    message="The conversation is over.",
    fix="Begin a new one.",
)
_STATUS: Final = {
    "too-many-texts": 429,
    "text-too-long": 400,
    "result-too-long": 400,
    "unknown-call": 404,
    "not-confirmed": 504,
    "server-draining": 503,
    "store-behind": 503,
    "model-behind": 503,
}


class BadMessage(exceptions.APIException):
    status_code = 400
    default_detail = "The body is one client message of parley.v1, as JSON."
    default_code = "bad_message"


def refusal_of(error: p.Error) -> ConversationRefused:
    """What the host, or we, did not take, as the answer of an endpoint."""
    return ConversationRefused(error, _STATUS.get(error.code, 409))


# --- Whether it was taken: pure ---------------------------------------------------------------


def is_settled(picture: p.Picture, message: Said) -> bool:
    """Whether what a page shows has the message in it."""
    match message:
        case p.SendText(id=ref):
            return any(turn.ref == ref and turn.saved for turn in picture.turns)
        case p.ToolTake(call=call, by=by):
            return any(
                (tool.call, tool.state, tool.by) == (call, CallState.RUNNING, by)
                for tool in picture.tools
            )
        case p.ToolResult(call=call):
            return any(tool.call == call and tool.state not in OPEN_CALLS for tool in picture.tools)
        case p.StopRecording():
            return not picture.recording
        case p.End():
            return picture.ended is not None
    return True


class Ear:
    """What comes back, until it shows that the message was taken. Raises ConversationRefused for
    what shows that it was not."""

    def __init__(self, message: Said) -> None:
        self._message = message
        self._picture: p.Picture | None = None
        self.is_settled = False

    def hear(self, frame: bytes) -> None:
        """One frame of the host's."""
        if frame[0] == p.AUDIO:
            return
        if p.position_decoder.decode(frame).type == "event":
            self._event(p.event_decoder.decode(frame))
        else:
            self._told(p.server_decoder.decode(frame))
        picture = self._picture
        if picture is None:
            return
        self.is_settled = is_settled(picture, self._message)
        if picture.ended is not None and not self.is_settled:
            raise refusal_of(OVER)

    def _event(self, event: p.Event) -> None:
        if self._picture is not None:
            self._picture.fold(event)

    def _told(self, message: p.ServerMessage) -> None:
        match message:
            case p.Error():
                raise refusal_of(message)
            case p.Presence(role="observer"):
                raise refusal_of(NOT_YOURS)
            case p.Snapshot(state=picture):
                self._picture = picture


# --- Saying it --------------------------------------------------------------------------------


async def say(switchboard: Switchboard, admitted: Admitted, message: Said) -> None:
    """Hand the message to whoever hosts the conversation, and wait until it was taken.

    Raises ConversationRefused.
    """
    try:
        attachment = await switchboard.attach(
            admitted.conversation_id, epoch=0, seq=0, visit=admitted.visit
        )
    except Closed:
        raise refusal_of(GOING) from None
    try:
        async with asyncio.timeout(TAKEN_WITHIN_S):
            await _say(attachment, message)
    except TimeoutError:
        raise refusal_of(NOT_TAKEN) from None
    except Dismissed:
        raise refusal_of(NOT_YOURS) from None
    except NoRoom:
        raise refused(await in_database(give_back, admitted)) from None
    finally:
        await attachment.aclose()


async def _say(attachment: Attachment, message: Said) -> None:
    ear = Ear(message)
    await attachment.send(p.encode(message))  # it is held until somebody hosts it
    async for frame in attachment.frames():
        stream = attachment.stream
        ear.hear(frame)
        if stream is not None:
            stream.consumed(len(frame))
        if ear.is_settled:
            await attachment.handed_over()
            return
    raise refusal_of(NOT_TAKEN)


def read(data: Any) -> Said:
    """The message in a request's body. Raises BadMessage."""
    try:
        message: Said = msgspec.convert(data, Said)
    except msgspec.ValidationError as error:
        raise BadMessage(f"{BadMessage.default_detail} {error}") from None
    return message


class MessageSerializer(serializers.Serializer[Any]):
    """One client message of parley.v1. It is read by `read`, and only described here."""


class MessageSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes each message under its own name, so that generated clients have a class of each."""

    target_class = MessageSerializer

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        (union,), parts = msgspec.json.schema_components(
            [Said], ref_template=f"#/components/{ResolvedComponent.SCHEMA}/{{name}}"
        )
        for name, schema in parts.items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name, ResolvedComponent.SCHEMA, _told(schema), name
            )
            auto_schema.registry.register_on_missing(component)
        # That `type` is required makes the body required.
        return {
            "oneOf": union["anyOf"],
            "discriminator": union["discriminator"],
            "required": ["type"],
        }


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    """A message's schema, with its one type as a constant."""
    kind = {"type": "string", "const": schema["properties"]["type"]["enum"][0]}
    return {
        **schema,
        "description": " ".join(schema["description"].split()),
        "properties": {**schema["properties"], "type": kind},
    }


class MessageList(APIView):
    permission_classes = [allowed(Permission.TALK)]
    narrowed_to_agents = True

    @extend_schema(
        operation_id="conversations_messages_create",
        summary="Say one thing in a running conversation",
        description="One message of `parley.v1`. It is answered once it counts: a text is stored, "
        "a call is noted. A text that comes again with the same `id` counts once.",
        parameters=[PageSerializer],
        request=MessageSerializer,
        responses={
            204: None,
            **problems(
                e400="It is no message, or too long.",
                e404=UNKNOWN,
                e409="Another page has the conversation, or it is over.",
                e503="There is no room at the moment.",
                e504=NOT_TAKEN.message,
            ),
        },
        examples=[
            OpenApiExample(
                "A text",
                request_only=True,
                value={"type": "text", "id": "1", "text": "Do you have the red shoes in 42?"},
            )
        ],
    )
    def post(self, request: Request, conversation_id: uuid.UUID) -> Response:
        how = PageSerializer(data=request.query_params)
        how.is_valid(raise_exception=True)
        admitted = come_to(request, conversation_id, mode="join", **how.validated_data)
        message = read(request.data)
        speaking = replace(admitted, visit=replace(admitted.visit, mode="speak"))
        async_to_sync(say)(switchboard_of(request), speaking, message)
        return Response(status=204)
