import json
from typing import Any

import pytest

from live.simulator import frames
from live.simulator.rewriting import rewriter
from live.simulator.scenario import Adorn, Drop, Join, LateTranscripts, Repeat, SplitCalls


def rewritten(do: Any, *sent: bytes) -> list[dict[str, Any]]:
    rewrite = rewriter(do)
    assert rewrite is not None
    return [json.loads(each) for frame in sent for each in rewrite([frame])]


def piece(text: str) -> bytes:
    return frames.content(modelTurn={"role": "model", "parts": [{"text": text}]})


def test_other_actions_rewrite_nothing() -> None:
    assert rewriter(Drop()) is None


def test_repeat_doubles_what_it_names_wherever_the_key_is() -> None:
    sent = frames.go_away(5), frames.content(turnComplete=True), frames.content(interrupted=True)
    found = rewritten(Repeat(keys=("goAway", "turnComplete")), *sent)
    assert [next(iter(each.get("serverContent", each))) for each in found] == [
        "goAway",
        "goAway",
        "turnComplete",
        "turnComplete",
        "interrupted",
    ]


def test_adorn_puts_fields_into_every_object_but_arguments() -> None:
    call = frames.tool_call([("1", "f", {"a": {"b": 1}})])
    [found] = rewritten(Adorn(fields={"new": 1}), call)
    assert found["new"] == found["toolCall"]["new"] == 1
    assert found["toolCall"]["functionCalls"] == [
        {"id": "1", "name": "f", "args": {"a": {"b": 1}}, "new": 1}
    ]


def test_adorn_leaves_an_empty_message_empty() -> None:
    assert rewritten(Adorn(fields={"new": 1}), frames.EMPTY) == [{}]


def test_join_puts_parts_and_transcripts_into_one_message() -> None:
    told = frames.transcription("outputTranscription", "a")
    end = frames.content(generationComplete=True)
    found = rewritten(Join(parts=2), piece("1"), told, piece("2"), piece("3"), told, end)
    texts = [
        [part["text"] for part in each["serverContent"].get("modelTurn", {}).get("parts", [])]
        for each in found
    ]
    assert texts == [["1", "2"], ["3"], []]
    assert found[0]["serverContent"]["outputTranscription"] == {"text": "a"}
    assert found[-1] == {"serverContent": {"generationComplete": True}}


def test_join_keeps_a_transcript_without_sound() -> None:
    told = frames.transcription("outputTranscription", "a")
    found = rewritten(Join(parts=2), told, frames.go_away(1))
    assert found[0] == {"serverContent": {"outputTranscription": {"text": "a"}}}
    assert "goAway" in found[1]


@pytest.mark.parametrize("do", [Repeat(keys=("goAway",)), Adorn(fields={}), Join()])
def test_nothing_gives_nothing(do: Any) -> None:
    assert rewritten(do) == []


def test_join_keeps_that_a_transcript_is_finished() -> None:
    finished = frames.transcription("outputTranscription", "", finished=True)
    told = frames.transcription("outputTranscription", "a")
    [found] = rewritten(Join(parts=1), told, finished, piece("1"))
    assert found["serverContent"]["outputTranscription"] == {"text": "a", "finished": True}


def transcripts(found: list[dict[str, Any]]) -> list[str]:
    contents = [each.get("serverContent", {}) for each in found]
    return [each["inputTranscription"]["text"] for each in contents if "inputTranscription" in each]


HEARD = frames.transcription("inputTranscription", "How much is it?", finished=True)
END = frames.content(turnComplete=True)


def test_what_the_user_said_may_be_told_during_the_answer() -> None:
    found = rewritten(LateTranscripts(pieces=2), HEARD, piece("1"), piece("2"), piece("3"), END)
    kinds = [next(iter(each["serverContent"])) for each in found]
    late = ["modelTurn", "inputTranscription"]
    assert kinds == [*late, *late, "modelTurn", "turnComplete"]
    assert transcripts(found) == ["How much", " is it?"]
    assert found[3]["serverContent"]["inputTranscription"]["finished"] is True
    assert "finished" not in found[1]["serverContent"]["inputTranscription"]


def test_what_is_left_of_it_is_told_before_the_turn_ends_or_never() -> None:
    assert transcripts(rewritten(LateTranscripts(), HEARD, piece("1"), END)) == [
        "How much",
        " is it?",
    ]
    silent = rewritten(LateTranscripts(pieces=0), HEARD, piece("1"), END)
    assert transcripts(silent) == []
    assert len(silent) == 2


def test_parallel_calls_may_come_in_a_message_each() -> None:
    calls = frames.tool_call([("1", "f", {}), ("2", "g", {"a": 1})])
    found = rewritten(SplitCalls(), calls, frames.EMPTY)
    assert [each["toolCall"]["functionCalls"] for each in found[:2]] == [
        [{"id": "1", "name": "f", "args": {}}],
        [{"id": "2", "name": "g", "args": {"a": 1}}],
    ]
    assert found[2] == {}
