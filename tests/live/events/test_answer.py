import pytest

from live.events import (
    Audio,
    CodeExecutionResult,
    Event,
    ExecutableCode,
    InlineData,
    InputTranscript,
    Text,
    Thought,
)

SECRET = "the secret"


@pytest.mark.parametrize(
    "event",
    [
        Audio(SECRET.encode(), 24_000),
        InlineData(SECRET.encode(), "image/png"),
        Text(SECRET),
        Thought(SECRET),
        ExecutableCode(SECRET),
        CodeExecutionResult("OUTCOME_OK", SECRET),
        InputTranscript(SECRET),
    ],
)
def test_no_word_shows_in_a_repr(event: Event) -> None:
    assert "secret" not in repr(event)


def test_a_transcript_of_the_user_is_none_of_the_model() -> None:
    assert not isinstance(InputTranscript("a"), Text)
    assert InputTranscript("a") == InputTranscript("a", False)
