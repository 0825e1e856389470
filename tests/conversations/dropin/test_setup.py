"""What is read from a setup, in either casing, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conversations.dropin.refusals import Refusal
from conversations.dropin.setup import Asked, read_setup
from conversations.wishes import Wishes


def read(**setup: Any) -> Asked:
    return read_setup(json.dumps({"setup": {"model": "models/m", **setup}}))


def test_the_least() -> None:
    assert read() == Asked(model="models/m", modality="", wishes=Wishes())


def test_what_python_sends() -> None:
    asked = read(
        generationConfig={
            "responseModalities": ["AUDIO"],
            "topK": 40.0,
            "speechConfig": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
            "thinkingConfig": {"include_thoughts": True},
        },
        systemInstruction={"parts": [{"text": "Be"}, {"text": "brief."}], "role": "user"},
        sessionResumption={"handle": "h"},
        inputAudioTranscription={},
        realtimeInputConfig={"automatic_activity_detection": {"silence_duration_ms": 100}},
        tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
    )
    assert asked.modality == "AUDIO"
    assert (asked.handle, asked.resumable, asked.hears, asked.says) == ("h", True, True, False)
    assert asked.wishes == Wishes(
        instruction="Be\nbrief.",
        voice="Kore",
        top_k=40.0,
        thinking={"includeThoughts": True},
        hearing={"automaticActivityDetection": {"silenceDurationMs": 100}},
        functions=({"name": "f"},),
    )


LONG = {"parts": [{"text": "x" * 90_000}]}
REFUSED = {
    "no json": ("{", "Invalid JSON payload received. Unexpected token."),
    "no object": ("[]", "Request contains an invalid argument."),
    "another message": ('{"realtimeInput": {"text": "x"}}', "setup must be the first message"),
    "no model": ('{"setup": {}}', "Request contains an invalid argument."),
    "an unknown name": (
        '{"setup": {"model": "m", "sessionResumption": {"loud": 1}}}',
        "Invalid JSON payload received. Unknown name \"loud\" at 'setup.sessionResumption': ",
    ),
    "no tool": ('{"setup": {"model": "m", "tools": [3]}}', "Request contains an invalid argument."),
    "a long instruction": (
        json.dumps({"setup": {"model": "m", "systemInstruction": LONG}}),
        "Request contains an invalid argument. An instruction",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_none_is_refused_in_googles_words(what: str) -> None:
    frame, words = REFUSED[what]
    with pytest.raises(Refusal) as refused:
        read_setup(frame)
    assert refused.value.code == 1007
    assert refused.value.text.startswith(words)


def test_more_than_a_megabyte_is_too_big() -> None:
    with pytest.raises(Refusal) as refused:
        read_setup(b" " * 2_000_000)
    assert refused.value.code == 1009
