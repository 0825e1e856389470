from live.events import Disconnected, InputTranscript, OutputTranscript, TurnComplete
from live.messages import text_content
from live.session.memory import UTTERANCES, Memory, without


def exchange(memory: Memory, number: int) -> None:
    memory.typed(f"question {number}")
    memory.add(OutputTranscript(f"answer {number}"))
    memory.add(TurnComplete())


def test_both_sides_in_order() -> None:
    memory = Memory()
    memory.add(InputTranscript("Hello"))
    memory.add(OutputTranscript("Good "))
    memory.add(OutputTranscript("morning"))
    memory.add(TurnComplete())
    assert memory.contents() == [
        text_content("user", "Hello"),
        text_content("model", "Good morning"),
    ]


def test_only_the_newest_is_kept() -> None:
    memory = Memory()
    for number in range(UTTERANCES):
        exchange(memory, number)
    contents = memory.contents()
    assert len(contents) == UTTERANCES
    assert contents[0] == text_content("user", f"question {UTTERANCES // 2}")


def test_an_answer_that_a_lost_connection_cut_is_remembered() -> None:
    memory = Memory()
    memory.typed("Tell me a story")
    memory.add(OutputTranscript("Once upon"))
    memory.add(Disconnected("connection_lost"))
    assert memory.contents()[-1] == text_content("model", "Once upon")


def test_what_will_be_put_again_is_not_told_before() -> None:
    said = [
        text_content("user", "Hello"),
        text_content("model", "Hi"),
        text_content("user", "One?"),
        text_content("user", "Two?"),
    ]
    assert without(said, ["One?", "Two?"]) == said[:2]
    assert without(said, []) == said
    assert without([text_content("user", "Hello")], ["Hello"]) == []
