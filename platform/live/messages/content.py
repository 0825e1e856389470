"""Contents and their parts, and the calls of tools: both directions have them."""

from __future__ import annotations

from typing import Any

import msgspec

from live.messages.base import Detail, Message


class Blob(Message, frozen=True):
    """Raw bytes with their MIME type; base64 on the wire."""

    data: bytes = b""
    mime_type: str = ""
    display_name: str = ""


class FileReference(Detail, frozen=True):
    """`fileData`: media by its address."""

    file_uri: str = ""
    mime_type: str = ""
    display_name: str = ""


class ExecutableCodePart(Detail, frozen=True):
    """Code that the model runs; `language` is PYTHON."""

    code: str = ""
    language: str = ""
    id: str = ""


class CodeExecutionResultPart(Detail, frozen=True):
    """What the code said; `outcome` is OUTCOME_OK, …_FAILED or …_DEADLINE_EXCEEDED."""

    outcome: str = ""
    output: str = ""
    id: str = ""


class PartialArg(Message, frozen=True):
    """A piece of one argument of a call that is streamed (Vertex AI).

    `json_path` (RFC 9535) names the argument. Pieces of a text are to be appended while
    `will_continue`.
    """

    json_path: str = ""
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None
    null_value: str | None = None
    will_continue: bool = False


class FunctionCall(Message, frozen=True):
    """A call of a tool; `id` is opaque.

    With `will_continue` more pieces of the same call follow: run it after the last.
    """

    id: str = ""
    name: str = ""
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    partial_args: list[PartialArg] = msgspec.field(default_factory=list)
    will_continue: bool = False


class FunctionResponsePart(Detail, frozen=True):
    """Media in the answer of a tool: exactly one of the fields."""

    inline_data: Blob | None = None
    file_data: FileReference | None = None


class FunctionResponse(Message, frozen=True):
    """The answer to one call. `output` and `error` are the conventional keys of `response`.

    Only for a NON_BLOCKING function: `scheduling` says when the model takes it up (INTERRUPT,
    WHEN_IDLE, SILENT; WHEN_IDLE when empty), and with `will_continue` further answers to the
    same call follow.
    """

    id: str = ""
    name: str = ""
    response: dict[str, Any] = msgspec.field(default_factory=dict)
    scheduling: str = ""
    will_continue: bool = False
    parts: list[FunctionResponsePart] = msgspec.field(default_factory=list)


class VideoMetadata(Detail, frozen=True):
    start_offset: str = ""
    end_offset: str = ""
    fps: float | None = None


class PartMediaResolution(Detail, frozen=True):
    level: str = ""
    num_tokens: int | None = None


class Part(Message, frozen=True):
    """One piece of a content; as a rule exactly one of its fields is set.

    `thought` marks a text as thinking. `thought_signature` is opaque, and may come with any part.
    """

    text: str = ""
    inline_data: Blob | None = None
    thought: bool = False
    executable_code: ExecutableCodePart | None = None
    code_execution_result: CodeExecutionResultPart | None = None
    file_data: FileReference | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought_signature: bytes = b""
    video_metadata: VideoMetadata | None = None
    media_resolution: PartMediaResolution | None = None


class Content(Message, frozen=True):
    """Parts by one speaker; `role` is `user` or `model`."""

    role: str = ""
    parts: list[Part] = msgspec.field(default_factory=list)


def text_content(role: str, text: str) -> Content:
    """A content that holds one text."""
    return Content(role=role, parts=[Part(text=text)])
