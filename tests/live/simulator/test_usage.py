from live.simulator.answer import Answer
from live.simulator.sessions import Memory, Role, Said
from live.simulator.usage import usage_metadata


def memory() -> Memory:
    made = Memory()
    made.add(Said(Role.USER, "typed text 12"))
    made.add(Said(Role.MODEL, "spoken", 2.0))
    return made


def test_the_whole_context_is_counted_and_the_answers_seconds() -> None:
    answer = Answer("One, two.", spoken=True, pitch=120)
    answer.audio_s = 4.0
    assert usage_metadata(memory(), "x" * 40, answer, vertex=False) == {
        "promptTokenCount": 64,
        "responseTokenCount": 100,
        "totalTokenCount": 164,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 14},
            {"modality": "AUDIO", "tokenCount": 50},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 100}],
    }


def test_vertex_has_other_names() -> None:
    answer = Answer("Twelve chars", spoken=False, pitch=120)
    while answer.next_chunk():
        pass
    usage = usage_metadata(Memory(), "", answer, vertex=True)
    assert usage["candidatesTokenCount"] == 3
    assert usage["candidatesTokensDetails"] == [{"modality": "TEXT", "tokenCount": 3}]
    assert usage["trafficType"] == "ON_DEMAND"


def test_a_turn_without_an_answer_has_no_response() -> None:
    assert usage_metadata(Memory(), "", None, vertex=False) == {
        "promptTokenCount": 0,
        "totalTokenCount": 0,
        "promptTokensDetails": [],
    }


def test_thoughts_are_counted_beside_the_answer() -> None:
    plain = usage_metadata(memory(), "", None, vertex=False)
    thoughtful = usage_metadata(memory(), "", None, vertex=False, thought="x" * 40)
    assert "thoughtsTokenCount" not in plain
    assert thoughtful["thoughtsTokenCount"] == 10
    assert thoughtful["totalTokenCount"] == plain["totalTokenCount"] + 10
