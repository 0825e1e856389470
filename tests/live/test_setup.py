import json
from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import CallerError
from live.setup import SessionConfig, setup_message
from live.wire import encode
from tests.live.samples import sample

DEVELOPER = Endpoint.developer()
VERTEX = Endpoint.vertex("p1", "us-central1")
MODEL = "gemini-3.8-live"


def setup(config: SessionConfig, endpoint: Endpoint = DEVELOPER, handle: str = "") -> Any:
    return json.loads(encode(setup_message(config, endpoint, handle)))["setup"]


def test_the_usual_setup() -> None:
    assert setup(SessionConfig(model=MODEL)) == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }


def test_a_recorded_setup_comes_out_the_same() -> None:
    config = SessionConfig(
        model=MODEL,
        voice="Kore",
        system_instruction="You are a booking assistant.",
        compression_trigger_tokens=25_000,
        compression_target_tokens=8_000,
    )
    assert setup(config) == sample("setup.audio")["setup"]


def test_everything_can_be_left_out() -> None:
    config = SessionConfig(
        model=MODEL,
        input_transcription=False,
        output_transcription=False,
        compression=False,
        resumption=False,
    )
    assert setup(config).keys() == {"model", "generationConfig"}


def test_options_of_the_answer() -> None:
    config = SessionConfig(
        model=MODEL,
        temperature=0.0,
        max_output_tokens=512,
        language_code="de-DE",
        tools=({"googleSearch": {}},),
    )
    sent = setup(config)
    assert sent["tools"] == [{"googleSearch": {}}]
    assert sent["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "temperature": 0.0,
        "maxOutputTokens": 512,
        "speechConfig": {"languageCode": "de-DE"},
    }


def test_a_handle_resumes_even_where_new_handles_are_not_wanted() -> None:
    config = SessionConfig(model=MODEL, resumption=False)
    assert setup(config, handle="h1")["sessionResumption"] == {"handle": "h1"}


def test_transparent_resumption_is_for_vertex_ai_only() -> None:
    config = SessionConfig(model=MODEL, transparent=True)
    assert setup(config)["sessionResumption"] == {}
    assert setup(config, VERTEX)["sessionResumption"] == {"transparent": True}


def test_vertex_ai_has_full_names() -> None:
    assert setup(SessionConfig(model=MODEL), VERTEX)["model"] == (
        "projects/p1/locations/us-central1/publishers/google/models/gemini-3.8-live"
    )


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(CallerError):
        setup(SessionConfig(model="no model"))
