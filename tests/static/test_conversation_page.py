"""The conversation page in Chromium, against a server that the test plays by hand."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import Route, expect

from conversations import protocol as p
from conversations.states import AgentState, ConversationState, EndReason, Speaker, TurnState
from tests.static.conftest import Visit
from tests.static.stand_in import AGENT, CONVERSATION, NEW_PAGE, PAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = ["Express takes one day ", "and costs nine euros. ", "Standard takes two or three."]


async def speak(visit: Visit, seconds_each: float = 2.0) -> str:
    """The agent answers aloud, faster than it plays, and is not yet done."""
    turn = await visit.site.begin_turn(Speaker.AGENT)
    await visit.site.begin_voice(turn)
    for words in ANSWER:
        await visit.site.say(turn, words, round(seconds_each * 1000))
    return turn


# --- beginning ---------------------------------------------------------------------------


async def test_a_conversation_begins_when_the_person_wants_it(visit: Visit) -> None:
    await visit.open()
    await visit.is_now("connection", "idle")
    await expect(visit.part("simulated")).to_be_visible()
    assert visit.site.messages == []
    await visit.type("Hello there")
    await visit.site.until(lambda: visit.site.sent("text"))
    first = visit.site.messages[0]
    assert (first["type"], first["agent"]) == ("start", AGENT["id"])
    await expect(visit.page).to_have_url(visit.site.url + PAGE)
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "saved")
    await expect(visit.part("caption-user")).to_contain_text("Hello there")


async def test_own_text_is_sending_until_it_is_saved(visit: Visit) -> None:
    await visit.start()
    visit.site.takes_texts = False
    await visit.type("Two pairs, please")
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "sending")
    ref = visit.site.sent("text")[0]["id"]
    turn = await visit.site.begin_turn(Speaker.USER, ref)
    await visit.site.event(p.TurnText, turn=turn, text="Two pairs, please")
    await visit.site.event(p.TurnEnded, turn=turn, state=TurnState.FINAL)
    await expect(visit.part("turn")).to_have_attribute("data-turn", turn)
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "sending")
    await visit.site.event(p.TurnSaved, turn=turn)
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "saved")
    assert await visit.texts() == ["Two pairs, please"]


async def test_words_in_progress_grow_in_place(visit: Visit) -> None:
    await visit.start()
    turn = await visit.site.begin_turn(Speaker.AGENT)
    for words in ("Two ", "pairs ", "in Lyon"):
        await visit.site.event(p.TurnText, turn=turn, text=words)
    await expect(visit.part("turn-text")).to_have_text("Two pairs in Lyon")
    await expect(visit.part("turn-text")).to_have_attribute("aria-hidden", "true")
    await visit.site.end_turn(turn)
    await visit.is_now("turn", "final")
    assert await visit.part("turn-text").get_attribute("aria-hidden") is None


async def test_every_frame_is_acknowledged(visit: Visit) -> None:
    await visit.start()
    for _ in range(40):
        await visit.site.event(p.AgentChanged, state=AgentState.THINKING)
    await visit.site.until(lambda: visit.site.sent("ack")[-1:] == [ack(visit.site.frames)])
    steps = [message["frames"] for message in visit.site.sent("ack")]
    assert all(after - before <= 16 for before, after in zip([0, *steps], steps, strict=False))


def ack(frames: int) -> dict[str, object]:
    return {"type": "ack", "frames": frames}


# --- the network -------------------------------------------------------------------------


async def test_a_cut_is_resumed_without_gap_or_double(visit: Visit) -> None:
    await visit.start()
    await visit.site.user_says("Do you have size 42?")
    await expect(visit.part("turn")).to_have_count(1)
    seq = visit.site.seq
    visit.site.accepts = False
    visit.site.cut()
    await visit.is_now("connection", "reconnecting")
    await expect(visit.part("reconnect")).to_contain_text("We lost the connection")
    turn = await visit.site.begin_turn(Speaker.AGENT)
    await visit.site.event(p.TurnText, turn=turn, text="Two pairs.")
    visit.site.accepts = True
    await visit.page.evaluate("document.querySelector('[data-testid=try-now]').click()")
    await visit.is_now("connection", "ready")
    resume = visit.site.sent("resume")[-1]
    assert (resume["conversation"], resume["epoch"], resume["seq"]) == (CONVERSATION, 1, seq)
    await expect(visit.part("turn")).to_have_count(2)
    assert await visit.texts() == ["Do you have size 42?", "Two pairs."]
    await expect(visit.part("reconnect")).to_be_hidden()


async def test_what_is_typed_without_a_connection_arrives_once(visit: Visit) -> None:
    await visit.start()
    visit.site.accepts = False
    visit.site.cut()
    await visit.is_now("connection", "reconnecting")
    await visit.type("Are you there?")
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "sending")
    visit.site.accepts = True
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "saved")
    visit.site.cut()
    await visit.site.until(lambda: len(visit.site.sent("resume")) >= 2)
    await visit.is_now("connection", "ready")
    assert len(visit.site.sent("text")) == 1
    assert await visit.texts() == ["Are you there?"]


async def test_another_host_that_missed_a_text_gets_it_again(visit: Visit) -> None:
    await visit.start()
    visit.site.takes_texts = False
    await visit.type("Did you hear me?")
    await visit.site.until(lambda: visit.site.sent("text"))
    visit.site.new_epoch()
    visit.site.takes_texts = True
    visit.site.cut()
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "saved")
    first, second = visit.site.sent("text")
    assert first == second
    assert await visit.texts() == ["Did you hear me?"]


async def test_a_lost_worker_is_replaced_on_the_same_socket(visit: Visit) -> None:
    await visit.start()
    await visit.site.send(p.encode(p.Waiting(reason="worker-lost")))
    await visit.is_now("connection", "resuming")
    visit.site.new_epoch()
    picture = p.Snapshot(epoch=2, seq=0, state=visit.site.picture)
    await visit.site.send(p.encode(picture))
    await visit.is_now("connection", "ready")
    await visit.site.event(p.AgentChanged, state=AgentState.THINKING)
    await visit.is_now("agent-state", "thinking")


async def test_a_missing_event_makes_the_page_resume(visit: Visit) -> None:
    await visit.start()
    late = p.AgentChanged(epoch=1, seq=visit.site.seq + 2, ms=0, state=AgentState.THINKING)
    await visit.site.send(p.encode(late))
    await visit.site.until(lambda: visit.site.sent("resume"))
    assert visit.site.sent("resume")[0]["seq"] == visit.site.seq
    await visit.is_now("connection", "ready")


async def test_a_reload_continues_and_keeps_the_draft(visit: Visit) -> None:
    await visit.start()
    await visit.type("First")
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "saved")
    await visit.part("composer").fill("half a thought")
    await visit.page.reload()
    await visit.is_now("connection", "ready")
    assert visit.site.sent("resume")[-1]["epoch"] == 0
    assert await visit.texts() == ["First"]
    await expect(visit.part("composer")).to_have_value("half a thought")
    stored = await visit.page.evaluate("[...Object.entries(sessionStorage), {...localStorage}]")
    assert stored == [[f"parley:{CONVERSATION}:draft", json.dumps("half a thought")], {}]


async def test_what_is_typed_before_the_script_is_there_waits_for_it(visit: Visit) -> None:
    typed = asyncio.Event()

    async def hold(route: Route) -> None:
        await typed.wait()
        await route.continue_()

    await visit.page.route("**/conversation/main.js", hold)
    await visit.page.goto(visit.site.url + NEW_PAGE, wait_until="commit")
    await visit.part("composer").fill("In a hurry")
    await expect(visit.part("send")).to_be_disabled()
    typed.set()
    await visit.part("send").click()
    await visit.site.until(lambda: visit.site.sent("text"))
    assert visit.site.sent("text")[0]["text"] == "In a hurry"
    assert "?" not in visit.page.url


async def test_leaving_closes_the_socket_and_frees_the_microphone(visit: Visit) -> None:
    await visit.start()
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "on")
    await visit.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    await visit.is_now("mic", "off")
    await visit.site.until(lambda: not visit.site.sockets)
    await visit.page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    await visit.is_now("connection", "ready")
    assert visit.site.sent("resume")[-1]["seq"] == visit.site.seq


# --- the microphone ------------------------------------------------------------------------


async def test_speech_goes_out_as_16_khz_frames(visit: Visit) -> None:
    await visit.open()
    await visit.part("start-talking").click()
    await visit.is_now("mic", "on")
    await visit.site.until(lambda: visit.site.sockets)
    await visit.site.go_live()
    await visit.site.until(lambda: len(visit.site.audio_frames) >= 30)
    headers = [p.HEADER.unpack_from(frame) for frame in visit.site.audio_frames]
    assert {header[:3] for header in headers} == {(p.AUDIO, 0, 160)}
    assert [header[3] for header in headers] == list(range(len(headers)))
    lengths = {(len(frame) - p.HEADER.size) / 32 for frame in visit.site.audio_frames}
    assert lengths == {32.0}  # milliseconds
    assert any(any(frame[p.HEADER.size :]) for frame in visit.site.audio_frames)
    await expect(visit.part("mic-toggle")).to_have_attribute("aria-pressed", "true")


async def test_mute_ends_the_audio_and_speaking_again_goes_on(visit: Visit) -> None:
    await visit.start()
    await visit.part("mic-toggle").click()
    await visit.site.until(lambda: visit.site.audio_frames)
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "muted")
    await expect(visit.part("mic-toggle")).to_have_attribute("aria-pressed", "false")
    await visit.site.until(lambda: visit.site.sent("audio-end"))
    count = len(visit.site.audio_frames)
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "on")
    await visit.site.until(lambda: len(visit.site.audio_frames) > count)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("NotAllowedError", "blocked"),
        ("NotFoundError", "not-found"),
        ("NotReadableError", "in-use"),
    ],
)
async def test_without_a_microphone_one_can_type(visit: Visit, fault: str, state: str) -> None:
    await visit.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => "
        f"{{ throw new DOMException('no', '{fault}'); }};"
    )
    await visit.open()
    await visit.part("start-talking").click()
    await visit.is_now("mic", state)
    await expect(visit.part("mic-problem")).to_contain_text("You can go on typing")
    await visit.type("Then I type")
    await expect(visit.part("turn")).to_have_attribute("data-delivery", "saved")


# --- the agent's voice ---------------------------------------------------------------------


async def test_words_turn_to_ink_as_they_are_heard(visit: Visit) -> None:
    await visit.start()
    turn = await speak(visit, 1.0)
    await visit.is_now("agent-state", "speaking")
    unheard = visit.part("turn").locator(".unplayed")
    # The words follow the player by a frame, so it is they that are waited for.
    text, later = "".join(ANSWER), "".join(ANSWER[1:])
    element = "document.querySelector('[data-part=unplayed]')"
    await visit.wait_for(f"{element}.parentNode.textContent.length === {len(text)}")
    await visit.wait_for(f"{element}.textContent.length < {len(later)}")
    rest = await unheard.text_content() or ""
    assert len(rest) > 0
    assert text.endswith(rest)
    assert await visit.page.evaluate("parley.playedMs") > 990
    await visit.wait_for("parley.playedMs >= parley.receivedAudioMs - 1")
    await expect(unheard).to_have_text("")
    await visit.site.end_turn(turn)
    assert await visit.page.evaluate("parley.receivedAudioMs") == pytest.approx(3000)
    assert await visit.texts() == ["".join(ANSWER)]


async def test_an_interruption_is_silence_at_once(visit: Visit) -> None:
    await visit.start()
    turn = await speak(visit)
    await visit.wait_for("parley.playedMs > 300")
    await visit.site.event(p.Interrupted, stream=visit.site.stream)
    await visit.site.end_turn(turn, TurnState.INTERRUPTED)
    await visit.wait_for("!parley.state.isPlaying")
    played = await visit.page.evaluate("parley.playedMs")
    assert played < 3000  # of 6000
    await visit.site.voice(500)  # what was on its way is not played
    await visit.is_now("turn", "interrupted")
    await expect(visit.part("turn-note")).to_have_text("cut off here")
    assert await visit.page.evaluate("parley.playedMs") == played
    assert await visit.part("turn").locator(".unplayed").text_content() != ""


async def test_the_next_answer_is_heard_after_an_interruption(visit: Visit) -> None:
    await visit.start()
    await speak(visit)
    await visit.wait_for("parley.playedMs > 100")
    await visit.site.event(p.Interrupted, stream=visit.site.stream)
    before = await visit.page.evaluate("parley.playedMs")
    await speak(visit, 0.2)
    await visit.wait_for(f"parley.playedMs >= {before} + 550")


async def test_escape_stops_the_voice_here(visit: Visit) -> None:
    await visit.start()
    await speak(visit)
    await expect(visit.part("stop-speaking")).to_be_visible()
    await visit.page.keyboard.press("Escape")
    await visit.wait_for("!parley.state.isPlaying")
    await expect(visit.part("stop-speaking")).to_be_hidden()
    await visit.is_now("connection", "ready")


async def test_sound_that_the_browser_holds_back_needs_one_tap(visit: Visit) -> None:
    # A page that is driven from outside counts as pressed, so the hold is made by hand.
    await visit.page.add_init_script(
        "window.AudioContext = class extends AudioContext {"
        "  constructor(options) { super(options); this.suspend(); } }"
    )
    await visit.site.go_live()
    await visit.open(PAGE)
    await visit.is_now("connection", "ready")
    await speak(visit, 0.3)
    await visit.part("hear").click()
    await expect(visit.part("tap-to-hear")).to_be_hidden()
    await visit.wait_for("parley.playedMs >= 890")


async def test_audio_that_was_left_out_is_said(visit: Visit) -> None:
    await visit.start()
    await visit.site.send(p.encode(p.Gap(stream=1, ms=1300)))
    await expect(visit.part("notice")).to_contain_text("1.3 s of the voice were left out")


# --- what goes wrong, and the end ------------------------------------------------------------


async def test_an_error_is_shown_with_what_to_do(visit: Visit) -> None:
    await visit.start()
    error = p.Error(code="bad-audio-rate", message="The audio is odd.", fix="Send other audio.")
    await visit.site.send(p.encode(error))
    await expect(visit.part("problem")).to_contain_text("The audio is odd. Send other audio.")
    await visit.is_now("connection", "ready")
    await visit.part("problem-dismiss").click()
    await expect(visit.part("problem")).to_be_hidden()


async def test_a_lost_log_in_leads_to_the_log_in(visit: Visit) -> None:
    await visit.start()
    error = p.Error(code="not-signed-in", message="You left.", fix="Sign in.", fatal=True)
    await visit.site.close(p.Close.NOT_SIGNED_IN, error)
    await visit.is_now("connection", "failed")
    action = visit.part("problem-action")
    await expect(action).to_have_attribute("href", f"/login/?next={PAGE.replace('/', '%2F')}")


async def test_a_conversation_opened_elsewhere_can_be_taken_back(visit: Visit) -> None:
    await visit.start()
    await visit.site.close(p.Close.OPENED_ELSEWHERE)
    await visit.is_now("connection", "failed")
    await visit.part("problem-action").click()
    await visit.is_now("connection", "ready")


async def test_a_server_that_goes_down_is_left_without_a_word(visit: Visit) -> None:
    await visit.start()
    await visit.site.close(p.Close.DRAINING)
    await visit.site.until(lambda: visit.site.sent("resume"))
    await visit.is_now("connection", "ready")
    await expect(visit.part("problem")).to_be_hidden()


async def test_a_rotation_is_only_a_word(visit: Visit) -> None:
    await visit.start()
    await visit.site.event(p.StateChanged, state=ConversationState.ROTATING)
    await visit.is_now("connection", "upstream-handoff")
    await visit.site.event(p.StateChanged, state=ConversationState.LIVE)
    await visit.is_now("connection", "ready")


async def test_ending_asks_only_while_the_microphone_is_on(visit: Visit) -> None:
    await visit.start()
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "on")
    await visit.part("end").click()
    await visit.part("end-cancel").click()
    await visit.part("mic-toggle").click()
    await visit.is_now("mic", "muted")
    assert not visit.site.sent("end")
    await visit.part("end").click()
    await visit.site.until(lambda: visit.site.sent("end"))
    await visit.site.event(p.Ended, reason=EndReason.USER_LEFT)
    await visit.site.close(p.Close.NORMAL)
    await visit.is_now("connection", "ended")
    await expect(visit.part("ended")).to_have_attribute("data-reason", "user-left")
    await expect(visit.part("open-transcript")).to_have_attribute("href", PAGE)
    await visit.is_now("mic", "off")


# --- the look ------------------------------------------------------------------------------


async def test_nothing_jumps_and_nothing_is_wider_than_a_phone(visit: Visit) -> None:
    await visit.page.set_viewport_size({"width": 360, "height": 640})
    await visit.start()
    height = "document.querySelector('[data-testid=captions]').offsetHeight"
    empty = await visit.page.evaluate(height)
    await visit.site.user_says("An-unbreakable-word-" * 12)
    turn = await visit.site.begin_turn(Speaker.AGENT)
    await visit.site.event(p.TurnText, turn=turn, text="A long answer that goes on. " * 20)
    await expect(visit.part("caption-agent")).to_contain_text("goes on")
    assert await visit.page.evaluate(height) == empty
    widths = "[document.documentElement.scrollWidth, part.scrollWidth - part.clientWidth]"
    script = f"() => {{ const part = document.querySelector('.scroll'); return {widths}; }}"
    assert await visit.page.evaluate(script) == [360, 0]


async def test_the_reader_is_not_pulled_away(visit: Visit) -> None:
    await visit.start()
    for number in range(30):
        await visit.site.user_says(f"Line {number}")
    scroll = visit.part("scroll")
    await expect(visit.part("turn").last).to_be_in_viewport()
    await scroll.evaluate("element => element.scrollTo(0, 0)")
    await expect(visit.part("jump")).to_be_visible()
    await visit.site.user_says("News")
    await expect(visit.part("jump")).to_contain_text("1 new")
    assert await scroll.evaluate("element => element.scrollTop") == 0
    await visit.part("jump").click()
    await expect(visit.part("turn").last).to_be_in_viewport()
