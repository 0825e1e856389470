"""What a token fixes in a setup: by hand, and as the simulator reads the same notes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.constraints import (
    Unfit,
    constrained,
    overwritten,
    path_of,
    plain,
    read_mask,
    read_token_setup,
)
from live.messages import Setup
from live.wire import fit

ASKED: dict[str, Any] = {
    "model": "models/mine",
    "generationConfig": {"temperature": 1.5, "topP": 0.5},
    "systemInstruction": {"parts": [{"text": "Mine"}]},
    "sessionResumption": {"handle": "h"},
}
OURS: dict[str, Any] = {
    "model": "models/shop",
    "generationConfig": {"temperature": 0.5},
    "sessionResumption": {},
}


def held(setup: dict[str, Any], mask: str, asked: dict[str, Any] = ASKED) -> dict[str, Any]:
    given_setup = fit({"model": "", **asked}, Setup)[0]
    return plain(constrained(given_setup, read_token_setup(setup), read_mask(mask)))


def test_a_token_without_a_setup_leaves_all_as_it_is() -> None:
    assert held({}, "") == ASKED


def test_without_a_mask_all_is_the_tokens_but_the_handle() -> None:
    assert held(OURS, "") == {**OURS, "sessionResumption": {"handle": "h"}}
    no_resumption = {name: OURS[name] for name in ("model", "generationConfig")}
    assert held(no_resumption, "") == no_resumption


def test_with_a_mask_what_it_names_is_the_tokens() -> None:
    locked = held(OURS, "model,generationConfig.temperature,systemInstruction.parts")
    assert locked == {
        "model": "models/shop",
        "generationConfig": {"temperature": 0.5, "topP": 0.5},
        "systemInstruction": {},
        "sessionResumption": {"handle": "h"},
    }


def test_a_mask_alone_resets_what_it_names() -> None:
    locked = held({}, "temperature,system_instruction")
    assert locked["generationConfig"] == {"topP": 0.5}
    assert "systemInstruction" not in locked
    assert locked["model"] == "models/mine"


def test_both_casings_are_one() -> None:
    snake = {"generation_config": {"speech_config": {"language_code": "de"}}, "tools": []}
    assert read_token_setup(snake) == {"generationConfig": {"speechConfig": {"languageCode": "de"}}}
    assert path_of("output_audio_transcription") == "outputAudioTranscription"
    assert path_of("generationConfig.speech_config") == "generationConfig.speechConfig"
    assert read_token_setup({}) == {}
    assert read_mask(" , ") == []


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ([], "Invalid value at"),
        ({"generationConfig": 7}, "Invalid value at"),
        ({"generationConfig": {"temperature": float("inf")}}, "Invalid value at"),
        ({"systemInstruction": {"parts": [{"text": "\ud800"}]}}, "Invalid value at"),
        ({"systemInstruction": {"parts": [{"text": "\0"}]}}, "Invalid value at"),
        ({"colour": "red"}, 'Unknown name "colour" at'),
        ({"systemInstruction": {"parts": [{"text": "x" * 70_000}]}}, "may have 65536 bytes"),
    ],
)
def test_what_is_no_setup(setup: Any, words: str) -> None:
    with pytest.raises(Unfit) as refused:
        read_token_setup(setup)
    assert words in str(refused.value)


def test_what_is_no_mask() -> None:
    with pytest.raises(Unfit, match="mask"):
        read_mask("colour")
    with pytest.raises(Unfit, match="mask"):
        read_mask("model.\0")
    with pytest.raises(Unfit, match="mask"):
        read_mask(",".join(["model"] * 65))


def test_a_path_that_goes_on_in_a_list_takes_the_whole_list() -> None:
    setup: dict[str, Any] = {"tools": [{"googleSearch": {}}]}
    assert held(setup, "tools.0", {"tools": [{"codeExecution": {}}]})["tools"] == setup["tools"]


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(st.integers(0, 2), st.lists(st.integers(0, 1), max_size=2))
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(TREES, TREES, st.lists(NAMES, min_size=1, max_size=3))
def test_what_a_path_names_is_taken_over_once(
    asked: dict[str, Any], setup: dict[str, Any], path: list[str]
) -> None:
    once = overwritten(asked, setup, path)
    assert overwritten(once, setup, path) == once
    assert {name: once[name] for name in once if name != path[0]} == {
        name: asked[name] for name in asked if name != path[0]
    }
    if len(path) == 1:
        assert once.get(path[0]) == setup.get(path[0])
