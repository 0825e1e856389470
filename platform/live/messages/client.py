"""Client messages after the setup."""

from __future__ import annotations

from typing import Any

import msgspec

from live.messages.base import Empty, Message
from live.messages.content import Blob, Content, FunctionResponse
from live.messages.setup import Setup


class ClientContent(Message, frozen=True):
    """Turns to append to the history; interrupts a running generation."""

    turns: list[Content] = msgspec.field(default_factory=list)
    turn_complete: bool = False


class RealtimeInput(Message, frozen=True):
    """Live input: exactly one of the fields. `media_chunks` is the old form of `audio`."""

    audio: Blob | None = None
    video: Blob | None = None
    text: str = ""
    audio_stream_end: bool = False
    activity_start: Empty | None = None
    activity_end: Empty | None = None
    media_chunks: list[Blob] = msgspec.field(default_factory=list)


class ToolResponse(Message, frozen=True):
    function_responses: list[FunctionResponse] = msgspec.field(default_factory=list)


class ContextUpdateTools(Message, frozen=True, omit_defaults=False):
    """The tools from now on. An empty list is sent as such: it takes all away."""

    tools: list[Any] = msgspec.field(default_factory=list)


class ContextUpdate(Message, frozen=True):
    """What changes in an open session; an absent field stays as it is."""

    system_instruction: Content | None = None
    tools: ContextUpdateTools | None = None


class ClientMessage(Message, frozen=True):
    """One message to the service: exactly one of the fields."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: ContextUpdate | None = None
