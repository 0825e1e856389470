from live.events import GoAway, ResumptionUpdate, ToolCall, TurnComplete
from live.messages import FunctionCall


def test_a_normal_turn_has_no_reason_and_ends_the_interaction() -> None:
    assert TurnComplete() == TurnComplete(reason="", more=False)


def test_no_argument_and_no_handle_shows_in_a_repr() -> None:
    call = ToolCall((FunctionCall("c1", "pay", {"card": "secret"}),))
    assert "secret" not in repr([call, ResumptionUpdate("secret", True), GoAway(1.0, 2.0)])
