import pytest

from live.simulator.closes import Refusal
from live.simulator.talk import Pace
from tests.live.simulator.stage import AUDIO_SETUP, VERTEX, VERTEX_NAME, conversation


def test_setup_is_complete_after_a_third_of_a_second_and_the_handle_follows() -> None:
    stage = conversation()
    (first, complete), (second, update) = stage.heard
    assert first - 100 == pytest.approx(0.3)
    assert complete == {"setupComplete": {}}
    assert second - first == pytest.approx(0.1)
    [handle] = stage.session.handles
    assert update == {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}
    assert stage.talk.ready


def test_without_session_resumption_there_is_no_handle() -> None:
    stage = conversation({"model": "models/gemini-3.8-live"})
    assert stage.kinds() == ["setupComplete"]
    assert stage.session.handles == []


def test_vertex_tells_the_session() -> None:
    stage = conversation({**AUDIO_SETUP, "model": VERTEX_NAME}, VERTEX)
    assert stage.heard[0][1] == {"setupComplete": {"sessionId": stage.session.session_id}}


def test_go_away_after_nine_minutes_and_the_end_for_those_who_stay() -> None:
    stage = conversation()
    stage.wait(589)
    assert stage.heard[-1] == (640.0, {"goAway": {"timeLeft": "50s"}})
    with pytest.raises(Refusal) as caught:
        stage.wait(2)
    assert caught.value.code == 1008
    assert caught.value.reason.startswith("Connection aborted because the client failed to close")


def test_go_away_is_configurable() -> None:
    stage = conversation(pace=Pace(go_away=2.0, time_left=0.5))
    stage.wait(2.4)
    assert stage.heard[-1] == (102.0, {"goAway": {"timeLeft": "0.5s"}})
    with pytest.raises(Refusal):
        stage.wait(0.1)


def test_nothing_is_taken_twice() -> None:
    stage = conversation()
    assert stage.talk.take() == []
