from live.simulator.skills import Backed


def test_an_answer_needs_no_backing() -> None:
    assert Backed("Yes.") == Backed("Yes.", parts=(), fields={})
