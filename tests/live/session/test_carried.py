from live.endpoint import Endpoint
from live.events import InputTranscript, OutputTranscript, ToolCallCancellation, TurnComplete
from live.messages import Content, FunctionResponse, text_content
from live.session import Step, Turn
from live.session.carried import Carried, text_message
from live.setup import SessionConfig

ENDPOINT = Endpoint.developer()
CONFIG = SessionConfig(model="gemini-3.8-live")
SAID = [text_content("user", "Hello"), text_content("model", "Hi")]


def carried(history: list[Content] | None = None, config: SessionConfig = CONFIG) -> Carried:
    said = None if history is None else (lambda: history)
    return Carried(config, ENDPOINT, said, ())


def test_a_resumed_session_is_told_nothing() -> None:
    one = carried(SAID)
    assert one.begin(resumed=True) == CONFIG
    assert not one.has_told
    assert list(one.first_messages()) == []


def test_a_new_session_is_told_what_the_owner_remembers() -> None:
    one = carried(SAID)
    assert one.begin(resumed=False) == CONFIG
    [message] = one.first_messages()
    assert message.client_content is not None
    assert message.client_content.turns == SAID


def test_or_what_was_said_in_it() -> None:
    one = carried()
    one.note(InputTranscript("Hello"), Turn.IDLE)
    one.step(OutputTranscript("Hi"), Turn.IDLE, Step.OUTPUT)
    one.step(TurnComplete(), Turn.GENERATING, Step.TURN_COMPLETE)
    one.begin(resumed=False)
    [message] = one.first_messages()
    assert message.client_content is not None
    assert message.client_content.turns == SAID


def test_a_seed_is_for_the_models_that_want_one() -> None:
    config = SessionConfig(model="gemini-3.1-flash-live-preview")
    assert carried(SAID, config).begin(resumed=False).history_in_client_content
    assert not carried(SAID).begin(resumed=False).history_in_client_content
    assert not carried([], config).begin(resumed=False).history_in_client_content


def test_what_the_caller_seeds_itself_is_its_own_and_goes_with_no_handle() -> None:
    config = SessionConfig(model="gemini-3.8-live", history_in_client_content=True)
    assert carried([], config).begin(resumed=False).history_in_client_content
    assert not carried([], config).begin(resumed=True).history_in_client_content


def test_answers_come_before_questions() -> None:
    one = carried(SAID)
    one.calls.answer([FunctionResponse("a", "f")])
    one.typed("And now?", sent=True)
    one.begin(resumed=True)
    first, second = one.first_messages()
    assert first.tool_response is not None
    assert second == text_message("And now?")
    one.step(OutputTranscript("Well"), Turn.IDLE, Step.OUTPUT)
    assert list(one.first_messages()) == []


def test_a_cancelled_call_is_open_no_more() -> None:
    one = carried(SAID)
    one.calls.open.add("a")
    one.note(ToolCallCancellation(("a",)), Turn.IDLE)
    assert one.calls.open == set()


def test_a_change_of_the_context_stays() -> None:
    one = carried(SAID)
    one.change("Be brief.", None)
    assert one.begin(resumed=True).system_instruction == "Be brief."
