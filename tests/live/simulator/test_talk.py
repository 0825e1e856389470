from typing import Any

import pytest

from live.simulator.closes import Refusal
from live.simulator.conversation import Conversation
from live.simulator.sessions import Session, Sessions
from live.simulator.talk import Pace, Talk
from tests.live.simulator.stage import (
    AUDIO_SETUP,
    NOON,
    VERTEX,
    VERTEX_NAME,
    Stage,
    conversation,
    setup_of,
)


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


COMPRESSED: dict[str, Any] = {"contextWindowCompression": {"slidingWindow": {}}}
FRAME = {"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "_9j_"}}}
LONG = Pace(go_away=1e6)


def go_aways(stage: Stage) -> list[tuple[float, str]]:
    return [(when - 100, m["goAway"]["timeLeft"]) for when, m in stage.heard if "goAway" in m]


def test_a_session_without_compression_ends_after_a_quarter_of_an_hour() -> None:
    stage = conversation(pace=LONG)
    stage.wait(880)
    assert go_aways(stage) == [(850.0, "50s")]
    assert stage.session.ended
    with pytest.raises(Refusal) as caught:
        stage.wait(30)
    assert caught.value.code == 1008


def test_a_compressed_session_has_no_end_but_each_connection_has() -> None:
    stage = conversation(pace=LONG, **COMPRESSED)
    stage.send(FRAME)
    stage.wait(3600)
    assert go_aways(stage) == []
    short = conversation(**COMPRESSED)
    short.wait(580)
    assert go_aways(short) == [(540.0, "50s")]
    assert not short.session.ended


def test_video_shortens_the_session_to_two_minutes() -> None:
    stage = conversation()
    stage.send(FRAME)
    stage.wait(118)
    assert go_aways(stage) == [(70.0, "50s")]
    late = conversation()
    late.wait(99)
    late.send(FRAME)
    late.send(FRAME)
    late.wait(5)
    assert go_aways(late) == [(100.0, "20s")]
    assert late.session.ended


def test_vertex_ends_after_ten_minutes() -> None:
    stage = conversation({**AUDIO_SETUP, "model": VERTEX_NAME}, VERTEX, pace=LONG)
    stage.wait(580)
    assert go_aways(stage) == [(540.0, "60s")]


@pytest.mark.parametrize(("used_s", "said"), [(600.0, (250.0, "50s")), (890.0, (0.0, "10s"))])
def test_the_time_of_earlier_connections_counts(used_s: float, said: Any) -> None:
    setup, session = setup_of(AUDIO_SETUP), Session(used_s=used_s)

    def make(_new: Session, sessions: Sessions) -> Talk:
        return Conversation(setup, Pace(), session, sessions, epoch=NOON)

    stage = Stage(make)
    stage.wait(said[0] + 5)
    assert go_aways(stage) == [said]


def indexes(stage: Stage) -> list[str | None]:
    updates = [m.get("sessionResumptionUpdate") for _w, m in stage.heard]
    return [each.get("lastConsumedClientMessageIndex") for each in updates if each is not None]


def test_transparent_resumption_counts_the_clients_messages() -> None:
    setup = {**AUDIO_SETUP, "model": VERTEX_NAME, "sessionResumption": {"transparent": True}}
    stage = conversation(setup, VERTEX)
    assert indexes(stage) == [None]
    for text in ("Say yes.", "Say no."):
        stage.send({"realtimeInput": {"audioStreamEnd": True}})
        stage.type(text)
        stage.wait(5)
    assert indexes(stage) == [None, "2", "4"]
    plain = conversation({**AUDIO_SETUP, "model": VERTEX_NAME}, VERTEX)
    plain.type("Say yes.")
    plain.wait(5)
    assert indexes(plain) == [None]
