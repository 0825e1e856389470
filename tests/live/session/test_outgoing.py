from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import InvalidRequest
from live.messages import (
    AutomaticActivityDetection,
    FunctionDeclaration,
    FunctionResponse,
    RealtimeInputConfig,
    Tool,
)
from live.session.outgoing import (
    activity_message,
    audio_end_message,
    context_update_message,
    tool_response_message,
    video_message,
)
from live.setup import SessionConfig

DEVELOPER = Endpoint.developer()
VERTEX = Endpoint.vertex("p1", "us-central1")
FUNCTIONS = [
    FunctionDeclaration("slow", behavior="NON_BLOCKING"),
    FunctionDeclaration("quick", behavior="BLOCKING"),
    FunctionDeclaration("other"),
]
CONFIG = SessionConfig(model="gemini-3.8-live", tools=(Tool(FUNCTIONS),))
MANUAL = SessionConfig(
    model="gemini-3.8-live",
    realtime_input=RealtimeInputConfig(AutomaticActivityDetection(disabled=True)),
)


def code_of(caught: pytest.ExceptionInfo[InvalidRequest]) -> str:
    assert caught.value.fix
    return caught.value.code


def test_activity_is_for_manual_detection_and_the_stream_s_end_for_automatic() -> None:
    assert activity_message(MANUAL, start=True).realtime_input is not None
    assert audio_end_message(CONFIG).realtime_input is not None
    for start in (True, False):
        with pytest.raises(InvalidRequest) as caught:
            activity_message(CONFIG, start=start)
        assert code_of(caught) == "activity_automatic"
    with pytest.raises(InvalidRequest) as caught:
        audio_end_message(MANUAL)
    assert code_of(caught) == "activity_manual"


@pytest.mark.parametrize("mime_type", ["image/gif", "video/mp4", "", "audio/pcm"])
def test_a_frame_is_jpeg_or_png(mime_type: str) -> None:
    assert video_message(b"", "image/png").realtime_input is not None
    with pytest.raises(InvalidRequest) as caught:
        video_message(b"", mime_type)
    assert code_of(caught) == "frame_unsupported"


@pytest.mark.parametrize("scheduling", ["INTERRUPT", "WHEN_IDLE", "SILENT", ""])
@pytest.mark.parametrize("name", ["slow", "other", "undeclared"])
def test_answers_of_functions_that_do_not_block_are_scheduled(scheduling: str, name: str) -> None:
    response = FunctionResponse("c1", name, {"a": 1}, scheduling, will_continue=True)
    message = tool_response_message([response], CONFIG, DEVELOPER)
    assert message.tool_response is not None
    assert message.tool_response.function_responses == [response]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"name": "slow"}, "tool_response_malformed"),
        ({"id": "c1", "name": "slow", "scheduling": "LATER"}, "tool_response_malformed"),
        ({"id": "c1", "name": "quick", "scheduling": "SILENT"}, "scheduling_unsupported"),
        ({"id": "c1", "name": "quick", "will_continue": True}, "scheduling_unsupported"),
    ],
)
def test_other_answers_are_refused(response: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tool_response_message([FunctionResponse(**response)], CONFIG, DEVELOPER)
    assert code_of(caught) == code


@pytest.mark.parametrize(
    "model", ["gemini-3.1-flash-live-preview", "gemini-3.8-live-extended-thinking"]
)
def test_some_models_schedule_nothing(model: str) -> None:
    config = SessionConfig(model=model)
    tool_response_message([FunctionResponse("c1", "f")], config, DEVELOPER)
    with pytest.raises(InvalidRequest) as caught:
        tool_response_message([FunctionResponse("c1", "f", {}, "SILENT")], config, DEVELOPER)
    assert code_of(caught) == "scheduling_unsupported"


def test_vertex_ai_takes_an_answer_without_id() -> None:
    message = tool_response_message([FunctionResponse(name="other")], CONFIG, VERTEX)
    assert message.tool_response is not None


def test_a_context_update_changes_what_is_given_and_leaves_the_rest() -> None:
    update = context_update_message(None, (), DEVELOPER).context_update
    assert update is not None
    assert update.system_instruction is None
    assert update.tools is not None
    update = context_update_message("Sing.", None, DEVELOPER).context_update
    assert update is not None
    assert update.system_instruction is not None
    assert update.tools is None
    with pytest.raises(InvalidRequest):
        context_update_message(None, [Tool(retrieval={})], DEVELOPER)
