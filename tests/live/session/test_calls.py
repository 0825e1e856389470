from live.events import ToolCall
from live.messages import FunctionCall, FunctionResponse
from live.session.calls import KNOWN_CALLS, Calls


def called(*ids: str) -> ToolCall:
    return ToolCall(tuple(FunctionCall(id=each, name="f") for each in ids))


def test_a_call_comes_once() -> None:
    calls = Calls()
    assert calls.once(called("a")) == called("a")
    assert calls.once(called("a")) is None
    assert calls.once(called("a", "b")) == called("b")
    assert calls.open == {"a", "b"}


def test_an_answer_closes_its_call_unless_more_comes() -> None:
    calls = Calls()
    calls.once(called("a", "b", "c"))
    calls.answer([FunctionResponse("a"), FunctionResponse("b", will_continue=True)])
    calls.cancel(["c"])
    assert calls.open == {"b"}


def test_answers_are_given_again_until_the_model_goes_on() -> None:
    calls = Calls()
    calls.once(called("a"))
    calls.answer([FunctionResponse("a")])
    assert calls.again() == [FunctionResponse("a")]
    calls.go_on()
    assert calls.again() == []


def test_a_new_session_knows_none_of_them() -> None:
    calls = Calls()
    calls.once(called("a", "b"))
    calls.answer([FunctionResponse("a")])
    assert calls.forget() == ("b",)
    assert calls.open == set()
    assert calls.again() == []
    assert calls.once(called("b")) is None, "and yet it runs no tool twice"


def test_what_is_remembered_is_bounded() -> None:
    calls = Calls()
    for number in range(KNOWN_CALLS + 1):
        calls.once(called(str(number)))
    assert calls.once(called("0")) is not None
    assert calls.once(called("1")) is not None
    assert calls.once(called(str(KNOWN_CALLS))) is None
