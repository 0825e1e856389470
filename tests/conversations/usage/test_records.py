import live
from conversations.states import TokenKind as K
from conversations.usage.records import tokens_of


def test_each_modality_is_counted_by_itself() -> None:
    usage = live.Usage(
        prompt_tokens=4104,
        response_tokens=258,
        thoughts_tokens=72,
        total_tokens=4434,
        prompt_details={"TEXT": 2948, "AUDIO": 1156},
        response_details={"AUDIO": 258},
    )
    assert tokens_of(usage) == {
        K.TEXT_IN: 2948,
        K.AUDIO_IN: 1156,
        K.AUDIO_OUT: 258,
        K.TEXT_OUT: 72,
    }
    assert sum(tokens_of(usage).values()) == usage.total_tokens


def test_cached_tokens_are_of_the_prompt_and_those_of_tools_come_on_top() -> None:
    usage = live.Usage(
        prompt_tokens=700,
        cached_tokens=100,
        response_tokens=50,
        tool_use_tokens=20,
        thoughts_tokens=30,
        total_tokens=800,
        prompt_details={"TEXT": 442, "VIDEO": 258},
        cached_details={"TEXT": 100},
        response_details={"AUDIO": 50},
        tool_use_details={"TEXT": 20},
    )
    assert tokens_of(usage) == {
        K.TEXT_IN: 462,
        K.VIDEO_IN: 258,
        K.AUDIO_OUT: 50,
        K.TEXT_OUT: 30,
    }


def test_what_is_not_detailed_is_counted_too() -> None:
    """Vertex may detail the answer only."""
    usage = live.Usage(prompt_tokens=15, response_tokens=50, response_details={"AUDIO": 40})
    assert tokens_of(usage) == {K.OTHER_IN: 15, K.AUDIO_OUT: 40, K.OTHER_OUT: 10}


def test_a_modality_that_is_not_known_is_other() -> None:
    usage = live.Usage(
        prompt_tokens=9,
        response_tokens=4,
        prompt_details={"DOCUMENT": 7, "IMAGE": 2},
        response_details={"SMELL": 4},
    )
    assert tokens_of(usage) == {K.OTHER_IN: 7, K.IMAGE_IN: 2, K.OTHER_OUT: 4}


def test_nothing_is_nothing() -> None:
    assert tokens_of(live.Usage()) == {}
