"""Client messages after the setup, with what the service would refuse refused here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from live.endpoint import Endpoint
from live.errors import Diagnosis, InvalidRequest
from live.messages import (
    Blob,
    ClientMessage,
    Content,
    ContextUpdate,
    ContextUpdateTools,
    Empty,
    FunctionResponse,
    RealtimeInput,
    ToolResponse,
    text_content,
)
from live.setup.config import SessionConfig
from live.setup.models import traits_of
from live.setup.tools import AnyTool, check_tools, functions_of

_SCHEDULINGS = frozenset({"", "INTERRUPT", "WHEN_IDLE", "SILENT"})
_FRAME_TYPES = frozenset({"image/jpeg", "image/png"})

# fmt: off
_AUTOMATIC = Diagnosis(
    "activity_automatic", "The service itself finds out when the user speaks.",
    "Switch the automatic activity detection off in the setup, or send no activity.")
_MANUAL = Diagnosis(
    "activity_manual", "A stream's end has no meaning without automatic activity detection.",
    "Send the end of the activity.")
_NO_FRAME = Diagnosis(
    "frame_unsupported", "A video frame is a JPEG or PNG picture.",
    "Send single frames as image/jpeg or image/png, at most one a second.")
_NO_ID = Diagnosis(
    "tool_response_malformed", "The answer to a call lacks the call's id.",
    "Give the id that came with the call.")
_NO_SCHEDULING = Diagnosis(
    "tool_response_malformed", "The scheduling is none of its names.",
    "Use INTERRUPT, WHEN_IDLE, SILENT, or leave it out.")
_BLOCKING = Diagnosis(
    "scheduling_unsupported", "A BLOCKING function has one answer, taken up at once.",
    "Declare the function as NON_BLOCKING, or leave scheduling and will_continue out.")
# fmt: on


def activity_message(config: SessionConfig, *, start: bool) -> ClientMessage:
    """The user began, or ended, to speak. Raises `InvalidRequest` where the service finds out."""
    if not config.manual_activity:
        raise InvalidRequest(_AUTOMATIC)
    activity = (
        RealtimeInput(activity_start=Empty()) if start else RealtimeInput(activity_end=Empty())
    )
    return ClientMessage(realtime_input=activity)


def audio_end_message(config: SessionConfig) -> ClientMessage:
    """The microphone pauses. Raises `InvalidRequest` with manual activity."""
    if config.manual_activity:
        raise InvalidRequest(_MANUAL)
    return ClientMessage(realtime_input=RealtimeInput(audio_stream_end=True))


def video_message(frame: bytes, mime_type: str) -> ClientMessage:
    """One picture. Raises `InvalidRequest` for a type that is neither JPEG nor PNG."""
    if mime_type not in _FRAME_TYPES:
        raise InvalidRequest(_NO_FRAME)
    return ClientMessage(realtime_input=RealtimeInput(video=Blob(frame, mime_type)))


def tool_response_message(
    responses: Sequence[FunctionResponse], config: SessionConfig, endpoint: Endpoint
) -> ClientMessage:
    """Answers to calls. Raises `InvalidRequest` as the messages above say."""
    for response in responses:
        if not response.id and not endpoint.is_vertex:
            raise InvalidRequest(_NO_ID)
        if response.scheduling not in _SCHEDULINGS:
            raise InvalidRequest(_NO_SCHEDULING)
        asked = response.scheduling or response.will_continue
        if asked and not _may_schedule(response.name, config):
            raise InvalidRequest(_BLOCKING)
    return ClientMessage(tool_response=ToolResponse(list(responses)))


def _may_schedule(name: str, config: SessionConfig) -> bool:
    declared = next((f.behavior for f in functions_of(config.tools) if f.name == name), "")
    traits = traits_of(config.model)
    return declared != "BLOCKING" and (traits is None or traits.scheduling)


def context_update_message(
    system_instruction: str | None, tools: Sequence[AnyTool] | None, endpoint: Endpoint
) -> ClientMessage:
    """What changes from now on. Raises `InvalidRequest` for tools that are none."""
    check_tools(tools or (), endpoint)
    instruction: Content | None = None
    if system_instruction is not None:
        instruction = text_content("user", system_instruction)
    changed = None if tools is None else ContextUpdateTools(list(tools))
    return ClientMessage(context_update=ContextUpdate(instruction, changed))


def updated(
    config: SessionConfig, system_instruction: str | None, tools: Sequence[AnyTool] | None
) -> SessionConfig:
    """The options as a context update leaves them, for the setup of the next connection."""
    if system_instruction is not None:
        config = replace(config, system_instruction=system_instruction)
    return config if tools is None else replace(config, tools=tuple(tools))
