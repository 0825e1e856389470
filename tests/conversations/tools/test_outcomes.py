from conversations.states import CallState
from conversations.tools.outcomes import Call, CallFailed, CallTimedOut, cancelled


def test_the_key_of_a_call_is_no_other_s() -> None:
    one = Call("1.fc_7", "stock", {"q": "purple submarine"}, conversation="a")
    assert one.key == "a.1.fc_7"
    assert one.key != Call("1.fc_7", "stock", {}, conversation="b").key
    assert Call("1.fc_7", "stock", {}).key == "1.fc_7"
    assert "submarine" not in repr(one)


def test_what_the_model_is_told_of_a_failure() -> None:
    outcome = CallFailed("http_404", "There is none.", summary="GET a: 404.", body="no").outcome()
    error = {"code": "http_404", "message": "There is none.", "answer": "no"}
    assert outcome.response == {"error": error}
    assert (outcome.state, outcome.summary) == (CallState.FAILED, "GET a: 404.")
    assert "no" not in repr(outcome).replace("not", "")
    late = CallTimedOut(2.5).outcome()
    assert (late.state, late.summary) == (CallState.TIMED_OUT, "No answer within 2.5 s.")
    assert cancelled().state == CallState.CANCELLED
    assert cancelled().response["error"]["code"] == "cancelled"
