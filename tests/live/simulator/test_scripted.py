import json
from typing import Any

import pytest

from live.simulator.closes import Refusal
from live.simulator.conversation import Conversation
from live.simulator.faults import SCENARIOS
from live.simulator.scenario import (
    Close,
    Do,
    Drop,
    Moment,
    Script,
    Send,
    Silence,
    Stall,
    Step,
)
from live.simulator.scripted import Dropped, Scripted
from live.simulator.sessions import Session, Sessions
from live.simulator.speech import speak
from live.simulator.talk import Pace
from tests.live.simulator.stage import AUDIO_SETUP, NOON, Stage, setup_of

TOOLS = [{"functionDeclarations": [{"name": "look_up"}]}]


def stage_of(script: Script | str, *, resumes: bool = False) -> Stage:
    wanted = SCENARIOS[script] if isinstance(script, str) else script
    setup = setup_of({**AUDIO_SETUP, "tools": TOOLS})

    def make(session: Session, sessions: Sessions) -> Scripted:
        talk = Conversation(setup, Pace(), session, sessions, epoch=NOON)
        return Scripted(talk, wanted, resumes=resumes)

    return Stage(make)


def one(do: Do, at: Moment, **more: Any) -> Script:
    return Script(steps=(Step(do=do, at=at, **more),))


def run_to_close(stage: Stage, seconds: float = 10.0) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        stage.wait(seconds)
    return caught.value.code, caught.value.reason


def test_without_a_step_nothing_is_different() -> None:
    stage = stage_of(Script())
    stage.wait(1)
    stage.type("Count to two.")
    stage.wait(5)
    assert stage.said() == "One, two."
    assert stage.talk.ready
    assert not stage.talk.in_mid_speech


@pytest.mark.parametrize(
    ("at", "text", "last"),
    [
        ("setup", "", ""),
        ("ready", "", "setupComplete"),
        ("input", "Hello.", "sessionResumptionUpdate"),
        ("answer", "Hello.", "outputTranscription"),
        ("call", "Call look_up.", "turnComplete"),
        ("turn", "Call look_up.", "turnComplete"),
    ],
)
def test_a_close_comes_right_after_its_moment(at: Moment, text: str, last: str) -> None:
    stage = stage_of(one(Close(code=1011, reason="x"), at))
    if text:
        stage.wait(1)
        stage.type(text)
    assert run_to_close(stage) == (1011, "x")
    assert stage.kinds()[-1:] == ([last] if last else [])


def test_the_nth_time_and_some_seconds_later() -> None:
    stage = stage_of(one(Close(), "input", nth=2, after=1.5))
    stage.wait(1)
    for _ in range(2):
        stage.send({"realtimeInput": {"audioStreamEnd": True}})
    second = stage.now
    run_to_close(stage)
    assert stage.now == pytest.approx(second + 1.5)


def test_a_drop_in_mid_answer() -> None:
    stage = stage_of("drop")
    stage.wait(1)
    stage.type("Tell me a long story.")
    with pytest.raises(Dropped):
        stage.wait(10)
    assert len(stage.chunks()) == 2


def test_go_away_now_and_the_close_for_those_who_stay() -> None:
    stage = stage_of("go-away-now")
    stage.wait(1)
    assert {"goAway": {"timeLeft": "0.5s"}} in [message for _when, message in stage.heard]
    code, reason = run_to_close(stage)
    assert code == 1008
    assert reason.startswith("Connection aborted")


def test_a_handle_is_refused_and_a_new_session_is_not() -> None:
    refused = stage_of("refuse-handle", resumes=True)
    assert run_to_close(refused) == (1008, "BidiGenerateContent session not found")
    fresh = stage_of("refuse-handle")
    fresh.wait(1)
    assert fresh.kinds()[0] == "setupComplete"


def test_silence_keeps_everything_back_and_then_says_it() -> None:
    stage = stage_of("silence")
    stage.wait(1)
    stage.type("Count to two.")
    stage.wait(2)
    since = stage.heard[-1][0]
    stage.send({"realtimeInput": {"audioStreamEnd": True}})
    stage.wait(2)
    assert stage.heard[-1][0] == since
    stage.wait(10)
    assert stage.said() == "One, two."
    assert stage.heard[-1][0] > since + 5


def test_silence_over_the_setup_and_after_go_away() -> None:
    stage = stage_of("slow-setup")
    stage.wait(4.9)
    assert stage.heard == []
    stage.wait(1)
    assert stage.kinds()[0] == "setupComplete"
    silent = stage_of("go-away-then-silence")
    silent.wait(1)
    silent.type("Hello.")
    silent.wait(300)
    assert silent.kinds()[-1] == "goAway"


def test_what_is_held_is_bounded() -> None:
    flood = Send(frames=("{}",) * 3000)
    script = Script(steps=(Step(do=Silence(seconds=9)), Step(do=flood, after=1)))
    stage = stage_of(script)
    stage.wait(12)
    assert 1000 < len(stage.heard) < 1100


def test_a_stall_and_slow_pongs_are_asked_of_the_socket() -> None:
    stage = stage_of(one(Stall(seconds=4), "ready"))
    stage.wait(1)
    assert stage.talk.stalled_until == pytest.approx(104.3)
    slow = stage_of("slow-pong")
    slow.wait(1)
    assert slow.talk.pong_delay == 8.0


def test_what_only_the_server_can_do_is_asked_of_it() -> None:
    half = stage_of("half-open")
    assert not half.talk.half_open
    half.wait(1)
    assert half.talk.half_open


def test_frames_may_be_text() -> None:
    sent = raw_of("text-frames")
    assert sent
    assert all(isinstance(frame, str) for frame in sent)


@pytest.mark.parametrize("name", ["late-transcripts", "no-transcripts", "split-calls"])
def test_a_talk_in_another_mode_says_the_same(name: str) -> None:
    plain, other = stage_of(Script()), stage_of(name)
    for stage in (plain, other):
        stage.wait(1)
        stage.play(speak("Count to two.", 16000) + bytes(48000))
        stage.wait(10)
    assert plain.said() == other.said() == "One, two."
    heard = "" if name == "no-transcripts" else "Count to two."
    assert "".join(other.understood()) == heard


def raw_of(name: str) -> list[str | bytes]:
    """What the connection itself would carry."""
    stage = stage_of(name)
    sent: list[str | bytes] = []
    for second in range(100, 110):
        for frame in (f'{{"realtimeInput": {{"text": "Call look_up {second}"}}}}',):
            if stage.talk.ready:
                stage.talk.receive(frame, float(second))
        for tenth in range(10):
            stage.talk.advance(second + tenth / 10)
            sent += stage.talk.take()
    return sent


def test_raw_frames_go_out_as_they_are() -> None:
    stage = stage_of(one(Send(frames=("not json",), size=100), "ready"))
    for tenth in range(10):
        stage.talk.advance(100 + tenth / 10)
    assert b"not json" + b" " * 92 in stage.talk.take()


def test_duplicates_and_unknown_fields() -> None:
    twice = [json.loads(frame) for frame in raw_of("duplicates")]
    calls = [message for message in twice if "toolCall" in message]
    assert len(calls) >= 2
    assert calls[0] == calls[1]
    assert all(
        "newField" in json.loads(frame) for frame in raw_of("unknown-fields") if len(frame) > 3
    )


def test_a_drop_is_an_exception_of_its_own() -> None:
    stage = stage_of(one(Drop(), "setup"))
    with pytest.raises(Dropped):
        stage.wait(1)
    stage.talk.finish(stage.now)
    assert stage.kinds() == []
