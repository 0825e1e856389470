"""The page's modules that touch no document, run in Chromium and held against `protocol.py`."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from accounts.limits import LimitKind
from conversations import protocol as p
from conversations.states import (
    AgentState,
    CallState,
    ConversationState,
    EndReason,
    Speaker,
    TurnState,
)
from tests.static.modules import Modules

pytestmark = pytest.mark.asyncio(loop_scope="module")

# --- protocol.js ---------------------------------------------------------------------------


async def test_constants_are_the_servers(js: Modules) -> None:
    names = ["SUBPROTOCOL", "HEADER_BYTES", "AUDIO", "PICTURE", "INPUT_RATE_HZ", "OUTPUT_RATE_HZ"]
    found = await js.run("protocol", "(m, names) => names.map((name) => m[name])", names)
    rates = [p.INPUT_RATE_HZ, p.OUTPUT_RATE_HZ]
    server = [p.SUBPROTOCOL, p.HEADER.size, p.AUDIO, p.PICTURE, *rates]
    assert found == server


async def test_an_encoded_frame_is_one_the_server_takes(js: Modules) -> None:
    encode = "(m, seq) => [...new Uint8Array(m.encodeAudio(seq, Int16Array.of(1, -2, 32767)))]"
    frame = bytes(await js.run("protocol", encode, 70_000))
    p.check_audio_frame(frame)
    assert p.HEADER.unpack_from(frame) == (p.AUDIO, 0, 160, 70_000)
    assert frame[p.HEADER.size :] == b"\x01\x00\xfe\xff\xff\x7f"


async def test_an_encoded_picture_is_one_the_server_takes(js: Modules) -> None:
    jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3, 0xFF, 0xD9]
    encode = "(m, jpeg) => [...new Uint8Array(m.encodePicture(7, Uint8Array.from(jpeg).buffer))]"
    frame = bytes(await js.run("protocol", encode, jpeg))
    p.check_input_frame(frame)
    assert frame == p.picture_frame(7, bytes(jpeg))


async def test_a_frame_of_the_server_is_decoded(js: Modules) -> None:
    frame = list(p.audio_frame(258, 7, b"\x01\x00\xfe\xff"))
    decode = """(m, bytes) => {
        const frame = m.decodeAudio(Uint8Array.from(bytes).buffer);
        return {...frame, pcm: [...frame.pcm]};
    }"""
    assert await js.run("protocol", decode, frame) == {
        "stream": 2,
        "rate": 24000,
        "seq": 7,
        "pcm": [1, -2],
    }


@pytest.mark.parametrize("frame", [b"\x01\x00", b"\x02" + b"\x00" * 9, b"\x01" + b"\x00" * 8])
async def test_a_bad_frame_is_a_fault(js: Modules, frame: bytes) -> None:
    assert await js.run("protocol", FAULT_OF % "decodeAudio(Uint8Array.from(x).buffer)", [*frame])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"type": 1}'])
async def test_a_bad_message_is_a_fault(js: Modules, text: str) -> None:
    assert await js.run("protocol", FAULT_OF % "parseMessage(x)", text)


FAULT_OF = """(m, x) => {
    try { m.%s; return false; } catch (error) { return error instanceof m.ProtocolFault; }
}"""


async def test_every_16th_frame_is_acknowledged_at_once(js: Modules) -> None:
    acks = """(m) => {
        const ledger = new m.AckLedger();
        const sent = [];
        for (let n = 0; n < 40; n += 1) if (ledger.count()) sent.push(ledger.take());
        return [sent, ledger.isOwing, ledger.take(), ledger.isOwing];
    }"""
    ack = [{"type": "ack", "frames": frames} for frames in (16, 32, 40)]
    assert await js.run("protocol", acks) == [ack[:2], True, ack[2], False]


async def test_waiting_grows_from_half_a_second_to_15(js: Modules) -> None:
    waits = """(m) => [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) =>
        [0, 0.5, 0.999].map((random) => m.retryDelay(attempt, random)))"""
    rows = await js.run("protocol", waits)
    assert rows[0] == [500, 500, 500]
    assert all(500 <= wait <= 15_000 for row in rows for wait in row)
    assert all(low < high for low, _, high in rows[1:])
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert rows[-1][2] > 14_900


async def test_only_refusals_are_final(js: Modules) -> None:
    final = [getattr(p.Close, name) for name in ("NOT_SIGNED_IN", "NOT_ALLOWED", "NOT_FOUND")]
    retried = [p.Close.DRAINING, p.Close.OUR_FAULT, p.Close.NO_FIRST_MESSAGE, 1006]
    ask = "(m, codes) => codes.map((code) => m.finalProblem(code))"
    assert await js.run("protocol", ask, final) == ["not-signed-in", "not-allowed", "not-found"]
    assert await js.run("protocol", ask, retried) == [None] * len(retried)


# --- state.js ------------------------------------------------------------------------------


def random_events(seed: int) -> list[p.Event]:
    """A plausible conversation: turns of both sides, interleaved, saved late."""
    chance = random.Random(seed)
    events: list[p.Event] = []
    turns: list[str] = []

    def add(kind: type[p.Event], **fields: Any) -> None:
        seq = len(events) + 1
        events.append(kind(epoch=3, seq=seq, ms=seq * 10, **fields))

    for _ in range(400):
        kind = chance.choice(
            ["start", "text", "text", "text", "end", "save", "agent", "state", "tool"]
        )
        if kind == "start" or not turns:
            turns.append(f"3.{len(events) + 1}")
            ref = chance.choice([None, f"ref-{len(turns)}"])
            add(p.TurnStarted, turn=turns[-1], speaker=chance.choice([*Speaker]), ref=ref)
        elif kind == "text":
            add(p.TurnText, turn=chance.choice(turns[-3:]), text=chance.choice(["a ", "ü", "東"]))
        elif kind == "end":
            add(p.TurnEnded, turn=chance.choice(turns[-3:]), state=chance.choice([*TurnState]))
        elif kind == "save":
            add(p.TurnSaved, turn=chance.choice([*turns, "2.9"]))
        elif kind == "tool":
            call, state = f"fc-{chance.randrange(60)}", chance.choice([*CallState])
            asked = {"args": {"size": 42}, "left_ms": 9000} if state == CallState.REQUESTED else {}
            add(p.ToolChanged, call=call, name="look_up", state=state, **asked)
        elif kind == "agent":
            add(p.AgentChanged, state=chance.choice([*AgentState]))
        else:
            add(p.StateChanged, state=chance.choice([*ConversationState]))
    add(p.Notice, code="x", text="y")
    for what, left_ms, percent in (
        (LimitKind.IDLE, 20_000, None),
        (LimitKind.DAY_MINUTES, None, 80),
        (LimitKind.LENGTH, 300_000, None),
        (LimitKind.LENGTH, 60_000, None),
        (LimitKind.IDLE, None, None),
    ):
        add(p.LimitWarning, what=what, left_ms=left_ms, percent=percent)
    add(p.Ended, reason=EndReason.IDLE_LIMIT)
    return events


@pytest.mark.parametrize("seed", range(5))
async def test_the_page_folds_as_the_server_does(js: Modules, seed: int) -> None:
    events = random_events(seed)
    cut = seed * 80
    picture = p.Picture()
    for event in events[:cut]:
        picture.fold(event)
    snapshot = json.loads(p.encode(p.Snapshot(epoch=3, seq=cut, state=picture)))
    for event in events[cut:]:
        picture.fold(event)
    rest = [json.loads(p.encode(event)) for event in events[cut:]]
    fold = "(m, [snapshot, events]) => events.reduce(m.take, m.fromSnapshot(snapshot))"
    held = await js.run("state", fold, [snapshot, rest])
    assert msgspec.convert(held["picture"], p.Picture) == picture
    assert (held["epoch"], held["seq"]) == (3, len(events))


async def test_a_repeated_event_changes_nothing_and_a_gap_is_seen(js: Modules) -> None:
    script = """(m) => {
        const held = {...m.NOTHING, epoch: 2, seq: 5};
        const event = (epoch, seq) => ({epoch, seq, ms: 0, kind: "agent", state: "speaking"});
        return [m.take(held, event(2, 5)) === held, m.take(held, event(2, 7)),
                m.take(held, event(3, 6)), m.take(held, event(2, 6)).seq];
    }"""
    assert await js.run("state", script) == [True, None, None, 6]


async def test_a_snapshot_that_leaves_old_turns_out_keeps_those_of_the_page(js: Modules) -> None:
    script = """(m) => {
        const picture = (turns, earlier) => ({state: "live", agent: "waiting", ended: null, earlier,
            turns: turns.map((turn) => ({turn, text: ""}))});
        const before = m.fromSnapshot({epoch: 1, seq: 9, state: picture(["1", "2", "3"], false)});
        const merge = (turns, earlier) => {
            const snapshot = {epoch: 2, seq: 0, state: picture(turns, earlier)};
            const held = m.fromSnapshot(snapshot, before.picture).picture;
            return [held.turns.map((turn) => turn.turn).join(""), held.earlier];
        };
        return [merge(["2", "3", "4"], true), merge(["2", "4"], false), merge(["8"], true)];
    }"""
    assert await js.run("state", script) == [["1234", False], ["24", False], ["8", True]]


async def test_turns_that_did_not_change_are_the_same_objects(js: Modules) -> None:
    script = """(m) => {
        const turn = (key) => ({kind: "turn-started", turn: key, speaker: "user", ms: 0});
        const two = [turn("1.1"), turn("1.2")].reduce(m.fold, m.NOTHING.picture);
        const after = m.fold(two, {kind: "turn-text", turn: "1.2", text: "x"});
        return [after.turns[0] === two.turns[0], after.turns[1] === two.turns[1]];
    }"""
    assert await js.run("state", script) == [True, False]


# --- words.js ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catalogue", "needed"),
    [("AGENT", AgentState), ("ENDS", EndReason), ("TOOL_STATES", CallState)],
)
async def test_every_word_of_the_server_has_words(
    js: Modules, catalogue: str, needed: type[AgentState | EndReason | CallState]
) -> None:
    known = await js.run("words", f"(m) => Object.keys(m.{catalogue})")
    assert {str(word) for word in needed} <= set(known)


# --- outbox.js -----------------------------------------------------------------------------


async def test_a_text_is_sent_again_until_a_turn_has_it(js: Modules) -> None:
    script = """(m) => {
        const outbox = new m.Outbox([{id: "a", text: "kept"}]);
        outbox.add("b", "new");
        const ids = (letters) => letters.map((letter) => letter.id).join("");
        const seen = [ids(outbox.takeUnsent(0)), ids(outbox.takeUnsent(0))];
        outbox.unsend();
        outbox.settle([{ref: "a", saved: true}, {ref: null, saved: true}]);
        return [...seen, ids(outbox.takeUnsent(0))];
    }"""
    assert await js.run("outbox", script) == ["ab", "", "b"]


async def test_a_text_whose_turn_was_lost_before_it_was_saved_is_sent_again(js: Modules) -> None:
    script = """(m) => {
        const outbox = new m.Outbox();
        outbox.add("a", "x");
        outbox.takeUnsent(0);
        outbox.settle([{ref: "a", saved: false}]);
        const shown = [outbox.waiting.length, outbox.letters.length, outbox.age(1e6)];
        outbox.unsend();
        const whileShown = outbox.takeUnsent(0).length;
        outbox.settle([]);
        const lost = outbox.takeUnsent(0).length;
        outbox.settle([{ref: "a", saved: true}]);
        return [...shown, whileShown, lost, outbox.letters.length];
    }"""
    assert await js.run("outbox", script) == [0, 1, False, 0, 1, 0]


async def test_a_text_without_an_answer_is_overdue_and_may_be_tried_again(js: Modules) -> None:
    script = """(m) => {
        const outbox = new m.Outbox();
        outbox.add("a", "x");
        outbox.takeUnsent(1000);
        const early = outbox.age(1000 + m.OVERDUE_MS);
        const late = outbox.age(1001 + m.OVERDUE_MS);
        outbox.retry("a");
        return [early, late, outbox.takeUnsent(0).length, outbox.letters[0].overdue];
    }"""
    assert await js.run("outbox", script) == [False, True, 1, False]


# --- speech.js -----------------------------------------------------------------------------

HEARD = """(m, {steps, text, played, over}) => {
    const speech = new m.Speech();
    speech.begin(1, "1.1");
    let length = 0;
    for (const [ms, letters] of steps) {
        speech.received(1, ms);
        length += letters;
        if (letters) speech.words("1.1", length);
    }
    if (over) speech.end("1.1");
    return played.map((ms) => { speech.played(1, ms); return speech.heard("1.1", text); });
}"""
TEXT = "one two three four "  # 4 + 4 + 6 + 5 letters


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([(400, 4), (400, 4), (400, 6), (400, 5)], [0, 3, 8, 14, 19], id="beside"),
        pytest.param([(0, 19), (1600, 0)], [0, 4, 8, 14, 19], id="words first"),
        pytest.param(
            [(0, 4), (400, 4), (400, 6), (400, 5), (400, 0)], [3, 8, 14, 19, 19], id="ahead"
        ),
    ],
)
async def test_words_are_heard_as_their_sound_plays(
    js: Modules, steps: list[tuple[int, int]], expected: list[int]
) -> None:
    played = [10, 410, 810, 1210, 1600]
    case = {"steps": steps, "text": TEXT, "played": played, "over": True}
    heard = await js.run("speech", HEARD, case)
    assert heard == sorted(heard)
    assert all(abs(one - other) <= 4 for one, other in zip(heard, expected, strict=True))
    assert heard[-1] == len(TEXT)


async def test_heard_words_never_become_unheard(js: Modules) -> None:
    script = """(m) => {
        const speech = new m.Speech();
        const text = "aaa bbb ccc ddd eee fff ";
        speech.begin(1, "1.1"); speech.received(1, 400); speech.words("1.1", 12);
        speech.played(1, 400);
        const before = speech.heard("1.1", text.slice(0, 12));
        speech.received(1, 4000);
        return [before, speech.heard("1.1", text)];
    }"""
    before, after = await js.run("speech", script)
    assert before == 12
    assert after >= before


async def test_a_cut_leaves_the_rest_unheard(js: Modules) -> None:
    script = """(m, text) => {
        const speech = new m.Speech();
        speech.begin(1, "1.1"); speech.received(1, 1600); speech.words("1.1", text.length);
        speech.played(1, 800);
        const turn = speech.cut(1, () => text);
        speech.played(1, 1600);
        return [turn, speech.isCut("1.1"), speech.heard("1.1", text)];
    }"""
    assert await js.run("speech", script, TEXT) == ["1.1", True, 8]


async def test_a_turn_without_sound_is_heard_at_once(js: Modules) -> None:
    assert await js.run("speech", '(m) => new m.Speech().heard("1.1", "typed")') == 5


async def test_scripts_without_spaces_are_cut_anywhere(js: Modules) -> None:
    assert await js.run("speech", '(m) => m.wordEnd("字".repeat(90), 60)') == 60


# --- resampler.js --------------------------------------------------------------------------

SINE = """(m, [from, to, hz, piece]) => {
    const tone = (n, rate) => Math.sin(2 * Math.PI * hz * n / rate);
    const input = Float32Array.from({length: from}, (_, n) => tone(n, from));
    const resampler = new m.Resampler(from, to);
    const output = [];
    for (let at = 0; at < input.length; at += piece) {
        output.push(...resampler.process(input.subarray(at, at + piece)));
    }
    const settled = output.slice(to / 10, -to / 10);
    const worst = settled.reduce((most, value, n) => {
        return Math.max(most, Math.abs(value - tone(n + to / 10, to)));
    }, 0);
    const peak = settled.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return {length: output.length, worst, peak};
}"""


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(48_000, 16_000), (44_100, 16_000), (24_000, 48_000), (24_000, 44_100)]
)
async def test_a_tone_keeps_its_shape(js: Modules, from_hz: int, to_hz: int) -> None:
    result = await js.run("resampler", SINE, [from_hz, to_hz, 1000, 128])
    assert result["worst"] < 0.002
    assert abs(result["length"] - to_hz) < to_hz // 100


async def test_a_tone_above_the_band_does_not_come_back_as_another(js: Modules) -> None:
    result = await js.run("resampler", SINE, [48_000, 16_000, 11_000, 128])
    assert result["peak"] < 0.001  # 60 dB down


async def test_pieces_make_the_same_as_the_whole(js: Modules) -> None:
    script = """(m) => {
        const input = Float32Array.from({length: 4410}, (_, n) => Math.sin(n * n / 9000));
        const whole = new m.Resampler(44100, 16000).process(input);
        const resampler = new m.Resampler(44100, 16000);
        const pieces = [];
        for (let at = 0, size = 1; at < input.length; at += size, size = (size * 7) % 300 + 1) {
            pieces.push(...resampler.process(input.subarray(at, at + size)));
        }
        return whole.length === pieces.length && pieces.every((value, n) => value === whole[n]);
    }"""
    assert await js.run("resampler", script) is True


# --- sound-queue.js ------------------------------------------------------------------------

QUEUE = """(m, steps) => {
    const queue = new m.SoundQueue(24000);
    let next = 1;
    const heard = [];
    const reports = [];
    for (const [what, amount, stream = 1] of steps) {
        if (what === "push") {
            queue.push(stream, Int16Array.from({length: amount}, () => next++));
        } else if (what === "pull") {
            const output = new Float32Array(amount);
            queue.pull(output);
            heard.push(...Array.from(output, (value) => Math.round(value * 32768)));
        } else if (what === "cut") queue.cut();
        else if (what === "begin") queue.begin(amount);
        reports.push([queue.isPlaying, queue.played]);
    }
    return {heard, reports};
}"""


async def test_pieces_are_played_without_a_gap(js: Modules) -> None:
    steps = [["push", 1000], ["push", 700], *[["pull", 128]] * 20]
    result = await js.run("sound-queue", QUEUE, steps)
    assert result["heard"][:1700] == list(range(1, 1701))
    assert set(result["heard"][1700:]) == {0}
    assert result["reports"][-1] == [False, {"stream": 1, "ms": 1700 / 24}]


async def test_sound_waits_for_a_cushion_but_not_for_ever(js: Modules) -> None:
    steps = [["push", 240], *[["pull", 128]] * 16]
    result = await js.run("sound-queue", QUEUE, steps)
    first = next(n for n, value in enumerate(result["heard"]) if value)
    assert 10 * 128 <= first <= 12 * 128  # 60 ms at 24 kHz are 1440 samples
    assert result["heard"][first : first + 240] == list(range(1, 241))


async def test_a_cut_is_silent_within_ten_milliseconds(js: Modules) -> None:
    steps = [["push", 48_000], ["pull", 2400], ["cut", 0], *[["pull", 128]] * 10]
    result = await js.run("sound-queue", QUEUE, steps)
    after = result["heard"][2400:]
    assert any(after[:144])  # a fade, not a click
    assert not any(after[240:])
    playing, played = result["reports"][-1]
    assert playing is False
    assert 100 <= played["ms"] <= 111  # it ends with the hardware block it is in


async def test_the_next_answer_is_counted_by_itself(js: Modules) -> None:
    answer = [["push", 2400], *[["pull", 128]] * 25]
    second = [["begin", 1], *[["push", 1440], *[["pull", 128]] * 25]]
    result = await js.run("sound-queue", QUEUE, [*answer, *second])
    assert result["reports"][-1] == [False, {"stream": 1, "ms": 60}]


async def test_what_does_not_fit_is_dropped_from_the_front(js: Modules) -> None:
    script = """(m) => {
        const queue = new m.SoundQueue(24000);
        const second = new Int16Array(24000);
        for (let n = 0; n < 200; n += 1) queue.push(1, second);
        return [queue.queuedMs, queue.droppedMs];
    }"""
    queued, dropped = await js.run("sound-queue", script)
    assert queued + dropped == 200_000
    assert 170_000 < queued < 176_000
