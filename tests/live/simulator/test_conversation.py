from typing import Any

import numpy as np
import pytest

from live.simulator.closes import Refusal
from live.simulator.conversation import Conversation
from live.simulator.paths import Service
from live.simulator.sessions import Session, Sessions
from live.simulator.speech import speak, spoken_form
from live.simulator.talk import Pace, Talk
from tests.live.simulator.stage import (
    AUDIO_SETUP,
    NOON,
    VERTEX,
    VERTEX_NAME,
    Stage,
    audio_message,
    conversation,
    setup_of,
)

QUESTION = "What does the trail runner cost?"
SILENCE = bytes(2 * 16000)


def question(text: str = QUESTION) -> bytes:
    return speak(text, 16000)


def refused(stage: Stage, message: dict[str, object]) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        stage.send(message)
    return caught.value.code, caught.value.reason


def content(text: str = "Hello", *, complete: bool = True, role: str = "user") -> dict[str, object]:
    turn = {"role": role, "parts": [{"text": text}]}
    return {"clientContent": {"turns": [turn], "turnComplete": complete}}


def test_a_spoken_turn_in_the_order_of_the_real_server() -> None:
    stage = conversation()
    start = stage.now
    stage.play(question() + SILENCE * 3)
    stage.wait(8)
    assert stage.kinds(start) == [
        "ACTIVITY_START",
        "inputTranscription",
        "ACTIVITY_END",
        "audio",
        *["outputTranscription", "audio"] * 2,
        "generationComplete",
        "turnComplete",
    ]
    assert stage.understood() == [spoken_form(QUESTION)]
    assert stage.said().startswith("The Trail Runner costs 89.90 euros.")
    assert stage.spoken() == spoken_form(stage.said())
    assert 0.1 <= stage.at("ACTIVITY_START") - start <= 0.25
    ended = start + len(question()) / 32000 - 0.34
    assert stage.at("inputTranscription") - ended == pytest.approx(1.0, abs=0.3)
    assert stage.usage()["promptTokensDetails"][0]["modality"] == "AUDIO"


def test_a_typed_turn_is_the_same_without_the_listening() -> None:
    stage = conversation()
    stage.send(content("Count to three."))
    stage.wait(5)
    assert stage.kinds()[2:] == [
        "audio",
        "outputTranscription",
        "audio",
        "generationComplete",
        "turnComplete",
    ]
    assert stage.said() == "One, two, three."


def test_speech_cuts_the_answer_off() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(6)
    start = stage.now
    stage.play(question("Stop! What is the code word?") + SILENCE * 4)
    stage.wait(5)
    assert stage.kinds(start + 0.21)[:6] == [
        "inputTranscription",
        "ACTIVITY_END",
        "audio",
        "outputTranscription",
        "audio",
        "generationComplete",
    ]
    cut = stage.at("interrupted", start)
    assert cut - start <= 0.2
    assert stage.at("ACTIVITY_START", start) == cut
    assert stage.at("turnComplete", start) == cut
    assert stage.said(cut + 0.01) == "You have not told me a code word yet."


def test_typed_text_cuts_the_answer_off_too() -> None:
    stage = conversation()
    stage.type("Tell me a long story")
    stage.wait(25)
    start = stage.now
    stage.type("Count to two.")
    assert stage.kinds(start) == ["interrupted", "turnComplete"]
    stage.wait(4)
    assert stage.said(start) == "One, two."


def test_a_cut_while_playing_comes_after_generation_complete() -> None:
    stage = conversation()
    stage.type("Count to ten.")
    stage.wait(2.5)
    assert stage.kinds()[-1] == "generationComplete"
    stage.type("Stop")
    assert stage.kinds()[-2:] == ["interrupted", "turnComplete"]


def test_two_questions_before_the_answer_get_one_answer_and_no_interruption() -> None:
    stage = conversation()
    stage.type("Hello.")
    stage.wait(0.2)
    stage.type("Count to two.")
    stage.wait(5)
    assert stage.said() == "One, two."
    assert "interrupted" not in stage.kinds()
    assert stage.kinds().count("turnComplete") == 1


def test_no_interruption_lets_the_answer_end_and_then_answers() -> None:
    stage = conversation(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    stage.type("Count to three.")
    stage.wait(1)
    stage.type("Say done.")
    stage.wait(8)
    assert "interrupted" not in stage.kinds()
    assert stage.said() == "One, two, three.done."
    assert stage.kinds().count("turnComplete") == 2


def test_content_that_is_not_complete_waits() -> None:
    stage = conversation()
    stage.send(content("Capital of France?", complete=False))
    stage.send(content("The code word is heron.", complete=False))
    stage.wait(3)
    assert stage.kinds()[2:] == []
    stage.send({"clientContent": {"turnComplete": True}})
    stage.wait(6)
    assert stage.said() == "I will remember it: the code word is heron."


def test_seeded_history_is_not_answered() -> None:
    stage = conversation(historyConfig={"initialHistoryInClientContent": True})
    stage.send(content("The code word is heron.", complete=False))
    stage.send(content("Understood.", role="model"))
    stage.wait(3)
    assert stage.kinds()[2:] == []
    stage.type("What is the code word?")
    stage.wait(5)
    assert stage.said() == "The code word is heron."


def test_3_1_takes_content_only_as_seed() -> None:
    setup = {**AUDIO_SETUP, "model": "models/gemini-3.1-flash-live-preview"}
    assert refused(conversation(setup), content())[0] == 1007
    stage = conversation(setup, historyConfig={"initialHistoryInClientContent": True})
    stage.send(content())
    assert refused(stage, content())[0] == 1007


def test_memory_lasts_over_a_resumption() -> None:
    sessions, session = Sessions(resume_wait=0), Session()

    def connect(of: Session, _mine: Sessions) -> Talk:
        return Conversation(setup_of(AUDIO_SETUP), Pace(), of, sessions, epoch=NOON)

    first = Stage(lambda _new, mine: connect(session, mine))
    first.wait(1)
    first.type("The code word is blue-heron.")
    first.wait(8)
    first.talk.finish(first.now)
    sessions.closed(session, first.now, in_mid_speech=first.talk.in_mid_speech)
    resumed = sessions.resume(session.handles[0], first.now)
    second = Stage(lambda _new, mine: connect(resumed, mine))
    second.wait(1)
    second.type("What is the code word?")
    second.wait(5)
    assert second.said() == "The code word is blue-heron."


def test_the_end_of_the_stream_ends_speech_at_once() -> None:
    stage = conversation()
    stage.play(question())
    stage.send({"realtimeInput": {"audioStreamEnd": True}})
    stage.wait(0.4)
    assert stage.understood() == [spoken_form(QUESTION)]


def test_a_stream_that_stops_in_mid_speech_is_taken_for_ended() -> None:
    stage = conversation()
    stage.play(question()[:-12000])
    stage.wait(1.5)
    assert len(stage.understood()) == 1


def test_all_sound_at_once_is_understood_as_well() -> None:
    stage = conversation()
    stage.send(audio_message(question() + SILENCE))
    stage.wait(1)
    assert stage.understood() == [spoken_form(QUESTION)]


def test_manual_activity() -> None:
    stage = conversation(realtimeInputConfig={"automaticActivityDetection": {"disabled": True}})
    stage.play(question("Nobody listens yet."))
    stage.send({"realtimeInput": {"activityStart": {}}})
    stage.play(question())
    stage.wait(2)
    assert stage.kinds()[2:] == []
    stage.send({"realtimeInput": {"activityEnd": {}}})
    stage.wait(10)
    assert stage.understood() == [spoken_form(QUESTION)]
    assert stage.kinds()[2:4] == ["inputTranscription", "audio"]


def test_manual_activity_without_speech_is_an_empty_turn() -> None:
    stage = conversation(realtimeInputConfig={"automaticActivityDetection": {"disabled": True}})
    stage.send({"realtimeInput": {"activityStart": {}}})
    stage.play(SILENCE)
    stage.send({"realtimeInput": {"activityEnd": {}}})
    stage.wait(2)
    assert stage.kinds()[2:] == ["turnComplete"]


def test_a_voice_it_cannot_understand_gets_an_honest_answer() -> None:
    stage = conversation()
    humming = b"".join(
        (8000).to_bytes(2, "little", signed=True) * 40 + bytes(80) for _ in range(900)
    )
    stage.play(humming + SILENCE * 2)
    stage.wait(4)
    [heard] = stage.understood()
    assert heard.startswith("(speech the simulator cannot make out, ")
    assert "this is a simulation without a speech recogniser" in stage.said()
    assert "type your message" in stage.said()


def test_old_forms_of_audio_are_taken() -> None:
    stage = conversation()
    blob = audio_message(question() + SILENCE)["realtimeInput"]["audio"]
    stage.send({"realtimeInput": {"mediaChunks": [blob]}})
    stage.send({"realtimeInput": {"mediaChunks": [{"mimeType": "image/png", "data": ""}]}})
    stage.send({"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "_9j_"}}})
    stage.wait(1)
    assert stage.understood() == [spoken_form(QUESTION)]


def test_a_new_instruction_counts_from_then_on() -> None:
    stage = conversation()
    facts = {"parts": [{"text": "Fact: The moon boot costs 12 euros."}]}
    stage.send({"contextUpdate": {"systemInstruction": facts}})
    stage.type("How much is the moon boot?")
    stage.wait(6)
    assert stage.said() == "The moon boot costs 12 euros."


def test_vertex_signals_and_names() -> None:
    stage = conversation({**AUDIO_SETUP, "model": VERTEX_NAME, "explicitVadSignal": True}, VERTEX)
    stage.play(question() + SILENCE * 4)
    stage.wait(6)
    signals = [
        message["voiceActivityDetectionSignal"]["vadSignalType"]
        for _when, message in stage.heard
        if "voiceActivityDetectionSignal" in message
    ]
    assert signals == ["VAD_SIGNAL_TYPE_SOS", "VAD_SIGNAL_TYPE_EOS"]
    assert "candidatesTokenCount" in stage.usage()
    [blob] = {
        part["inlineData"]["mimeType"]
        for turn in stage.content("modelTurn")
        for part in turn["parts"]
    }
    assert blob == "audio/pcm"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"setup": AUDIO_SETUP}, 1007),
        ({"realtimeInput": {"activityStart": {}}}, 1007),
        ({"realtimeInput": {"activityEnd": {}}}, 1007),
        ({"realtimeInput": {}}, 1007),
        ({"realtimeInput": {"text": "a", "audioStreamEnd": True}}, 1007),
        ({"realtimeInput": {"audio": {"mimeType": "audio/wav", "data": ""}}}, 1007),
        ({"realtimeInput": {"video": {"mimeType": "video/mp4", "data": ""}}}, 1007),
        ({"clientContent": {"turns": [{"role": "system", "parts": []}]}}, 1007),
        ({"toolResponse": {"functionResponses": [{"id": "1", "name": "f"}]}}, 1008),
        ({"nonsense": {}}, 1007),
    ],
)
def test_what_ends_the_connection(message: dict[str, object], code: int) -> None:
    assert refused(conversation(), message)[0] == code


def test_the_service_decides_what_is_known() -> None:
    stage = conversation(AUDIO_SETUP, Service("v1alpha"))
    assert refused(stage, {"setup": {"explicitVadSignal": True}})[0] == 1007


def test_video_counts_in_the_context_as_the_coverage_says() -> None:
    frame = {"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "_9j_"}}}
    for coverage, counted in (("TURN_INCLUDES_ONLY_ACTIVITY", 0), ("TURN_INCLUDES_ALL_INPUT", 258)):
        stage = conversation(realtimeInputConfig={"turnCoverage": coverage})
        stage.send(frame)
        stage.type("Say yes.")
        stage.wait(4)
        details = {
            each["modality"]: each["tokenCount"] for each in stage.usage()["promptTokensDetails"]
        }
        assert details.get("VIDEO", 0) == counted


def test_a_compressed_context_stays_small() -> None:
    window = {"triggerTokens": 60, "slidingWindow": {"targetTokens": 30}}
    stage = conversation(contextWindowCompression=window)
    for number in range(12):
        stage.type(f"Say this is turn number {number}.")
        stage.wait(8)
        assert stage.usage()["promptTokenCount"] < 250
    assert stage.session.memory.tokens <= 60


def test_the_same_seed_says_the_same() -> None:
    def talked() -> list[object]:
        stage = conversation()
        for text in ("Hello.", "Tell me a story.", "Thanks!"):
            stage.type(text)
            stage.wait(20)
        return [pair for pair in stage.heard if "sessionResumptionUpdate" not in pair[1]]

    assert talked() == talked()


def lossy(pcm: bytes) -> bytes:
    """What a browser's microphone makes of it: a codec's noise, soft gain, lost pieces."""
    chance = np.random.default_rng(7)
    samples = np.frombuffer(pcm, "<i2").astype(float)
    gain = 0.5 + 0.2 * np.sin(np.arange(len(samples)) / 9000)
    noisy = samples * gain + chance.normal(scale=60, size=len(samples))
    for start in range(20000, len(noisy), 24000):
        noisy[start : start + 160] = 0
    return bytes(np.clip(noisy, -32768, 32767).astype("<i2").tobytes())


def test_lossy_sound_in_odd_pieces_is_a_turn_all_the_same() -> None:
    stage = conversation()
    sound = lossy(question() + SILENCE * 3)
    for start in range(0, len(sound), 1365):
        stage.wait(0.04)
        stage.send(audio_message(sound[start : start + 1365]))
    stage.wait(6)
    [heard] = stage.understood()
    assert "trail runner" in heard
    assert stage.said().startswith("The Trail Runner costs")


def said_with(seed: int) -> list[tuple[float, dict[str, Any]]]:
    setup = setup_of({**AUDIO_SETUP, "sessionResumption": None})

    def make(session: Session, sessions: Sessions) -> Talk:
        return Conversation(setup, Pace(), session, sessions, epoch=NOON, seed=seed)

    stage = Stage(make)
    for text in ("Hello", "Xylophone?", "Tell me a long story."):
        stage.wait(1)
        stage.type(text)
        stage.wait(30)
    return stage.heard


def test_the_same_seed_says_the_same_noise_included() -> None:
    assert said_with(5) == said_with(5)
    assert said_with(5) != said_with(6)
