import json

import msgspec

from live.messages import (
    Blob,
    Content,
    FileReference,
    FunctionCall,
    FunctionResponse,
    FunctionResponsePart,
    Part,
    PartialArg,
    text_content,
)


def test_names_are_camel_case_and_defaults_are_left_out() -> None:
    assert msgspec.json.encode(Part(text="hi")) == b'{"text":"hi"}'
    assert msgspec.json.encode(Content()) == b"{}"
    assert json.loads(msgspec.json.encode(text_content("user", "hi"))) == {
        "role": "user",
        "parts": [{"text": "hi"}],
    }


def test_a_tool_may_answer_with_a_picture() -> None:
    picture = FunctionResponsePart(inline_data=Blob(b"\xff\xd8", "image/jpeg"))
    page = FunctionResponsePart(file_data=FileReference("gs://b/o", "text/html"))
    answer = FunctionResponse("c1", "look", {"ok": True}, parts=[picture, page])
    assert json.loads(msgspec.json.encode(answer))["parts"] == [
        {"inlineData": {"data": "/9g=", "mimeType": "image/jpeg"}},
        {"fileData": {"fileUri": "gs://b/o", "mimeType": "text/html"}},
    ]


def test_a_streamed_call_tells_zero_and_false_from_nothing() -> None:
    call = msgspec.json.decode(
        b'{"id":"c1","willContinue":true,"partialArgs":['
        b'{"jsonPath":"$.n","numberValue":0},{"jsonPath":"$.b","boolValue":false},'
        b'{"jsonPath":"$.s","stringValue":"","willContinue":true}]}',
        type=FunctionCall,
    )
    assert call.will_continue
    assert call.partial_args == [
        PartialArg("$.n", number_value=0),
        PartialArg("$.b", bool_value=False),
        PartialArg("$.s", string_value="", will_continue=True),
    ]
