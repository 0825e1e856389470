"""Turns and numbered events out of an upstream session's events. Pure: the time is passed in.

The upstream gives no order between what the user said and what the model answers: the
transcription of the user's words may come before the answer, during it, or never. Hence:

* The user's turn stays open until the agent's answer ends or the user speaks anew, so that
  late words still join it. It is opened by the first word, not by the first sound.
* The agent's turn is opened by its first sound or word and ended by `turnComplete` or
  `interrupted`. `generationComplete` ends nothing: playback runs on.
* A user's and an agent's words never share a turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import live
from accounts.limits import LimitKind
from conversations import protocol as p
from conversations.states import (
    OPEN_CALLS,
    RECORDING_STOPPED,
    AgentState,
    CallState,
    ConversationState,
    EndReason,
    Speaker,
    TurnState,
)
from conversations.transcripts.records import EventRecord, TurnRecord

NOTHING: Sequence[p.Event] = ()
# Kinds that are kept beside the turns; the rest is told by the turns themselves.
KeptEvent = p.Interrupted | p.Notice | p.LimitWarning | p.Ended
KEPT = (p.Interrupted, p.Notice, p.LimitWarning, p.Ended)


@dataclass(slots=True)
class OpenTurn:
    first_seq: int
    speaker: Speaker
    start_ms: int
    ref: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ToolChange:
    """What happened to a tool call; `words` say it where it is over. See `protocol.ToolChanged`."""

    call: str
    name: str
    state: CallState
    words: str = ""
    args: Mapping[str, Any] | None = None
    left_ms: int | None = None
    by: str | None = None
    summary: str | None = None


class Assembly:
    """One epoch of one conversation.

    Every method returns the events that it caused, in order, already folded into
    `picture`. What has to be stored collects in `turns` and `events` until `take`.
    """

    def __init__(self, epoch: int, picture: p.Picture) -> None:
        self.epoch = epoch
        self.seq = 0
        self.picture = picture
        self.stream = 0
        self.turns: dict[int, TurnRecord] = {}
        self.events: list[EventRecord] = []
        self._user: OpenTurn | None = None
        self._agent: OpenTurn | None = None
        self._sounding = False
        self._heard_at: int | None = None
        self._usage: live.Usage | None = None
        self._out: list[p.Event] = []

    # --- what can happen ---------------------------------------------------------

    def upstream(self, event: live.Event, ms: int) -> Sequence[p.Event]:
        """Take one event of the upstream session."""
        if isinstance(event, live.Audio) and self._sounding:
            return NOTHING  # the hot path: a further piece of the same answer
        match event:
            case live.Audio():
                self._sound(ms)
            case live.OutputTranscript() | live.Text():
                self._agent_words(event.text, ms)
            case live.InputTranscript():
                self._user_words(event.text, ms)
            case live.VoiceActivity():
                self._voice(event.active, ms)
            case live.Interrupted():
                self._interrupted(ms)
            case live.GenerationComplete():
                self._progress(ms, "generated")
            case live.TurnComplete():
                self._turn_complete(ms)
                self._progress(ms, "complete", event.reason)
            case live.ToolCall():
                self._agent_is(AgentState.USING_TOOL, ms)
        return self._take_out()

    def used(self, usage: live.Usage) -> None:
        """What the turn took; told with its end."""
        self._usage = usage if self._usage is None else self._usage + usage

    def typed(self, ref: str, text: str, ms: int) -> Sequence[p.Event]:
        """The user sent a text: a whole turn at once."""
        self._end_turn(Speaker.USER, TurnState.FINAL, ms)
        self._user = self._start_turn(Speaker.USER, ms, ref=ref)
        self._append(self._user, text, ms)
        self._end_turn(Speaker.USER, TurnState.FINAL, ms)
        self._agent_is(AgentState.THINKING, ms)
        return self._take_out()

    def answered(self, ms: int) -> Sequence[p.Event]:
        """No tool is used any more: the model goes on with what it was told."""
        if self.picture.agent == AgentState.USING_TOOL:
            self._agent_is(AgentState.THINKING, ms)
        return self._take_out()

    def tool(self, change: ToolChange, ms: int) -> Sequence[p.Event]:
        """A tool call begins, goes on or is over; its end is kept, in words."""
        told = p.ToolChanged(
            epoch=self.epoch,
            seq=self._next(),
            ms=ms,
            call=change.call,
            name=change.name,
            state=change.state,
            args=change.args,
            left_ms=change.left_ms,
            by=change.by,
            summary=change.summary,
        )
        self._emit(told)
        if change.state not in OPEN_CALLS:
            words = {"text": change.words, "call": change.call}
            self.events.append(EventRecord(self.epoch, self.seq, f"tool-{change.state}", ms, words))
        return self._take_out()

    def state(self, state: ConversationState, ms: int) -> Sequence[p.Event]:
        if state != self.picture.state:
            self._emit(p.StateChanged(epoch=self.epoch, seq=self._next(), ms=ms, state=state))
        if state == ConversationState.LIVE and self.picture.agent == AgentState.WAITING:
            self._agent_is(AgentState.LISTENING, ms)
        return self._take_out()

    def notice(self, code: str, text: str, ms: int) -> Sequence[p.Event]:
        self._emit(p.Notice(epoch=self.epoch, seq=self._next(), ms=ms, code=code, text=text))
        return self._take_out()

    def recording(self, on: bool, ms: int) -> Sequence[p.Event]:
        """What is heard is being kept from now on, or not any more."""
        if on != self.picture.recording:
            self._emit(p.Recording(epoch=self.epoch, seq=self._next(), ms=ms, on=on))
        return self._take_out()

    def recording_stopped(self, ms: int) -> Sequence[p.Event]:
        """The user wants nothing to be kept any more: no worker begins again."""
        told = self.recording(False, ms)
        if told:
            self.events.append(EventRecord(self.epoch, self.seq, RECORDING_STOPPED, ms, {}))
        return told

    def warned(
        self, what: LimitKind, ms: int, *, left_ms: int | None, percent: int | None
    ) -> Sequence[p.Event]:
        """A limit is near, or not any more; see `protocol.LimitWarning`."""
        self._emit(
            p.LimitWarning(
                epoch=self.epoch,
                seq=self._next(),
                ms=ms,
                what=what,
                left_ms=left_ms,
                percent=percent,
            )
        )
        return self._take_out()

    def cut(self, ms: int) -> Sequence[p.Event]:
        """The upstream session is gone: what it was saying will not be finished."""
        if self._sounding:
            self._emit(p.Interrupted(epoch=self.epoch, seq=self._next(), ms=ms, stream=self.stream))
        self._sounding = False
        self._end_turn(Speaker.AGENT, TurnState.INTERRUPTED, ms)
        self._end_turn(Speaker.USER, TurnState.FINAL, ms)
        self._agent_is(AgentState.WAITING, ms)
        return self._take_out()

    def saved(self, keys: Sequence[str], ms: int) -> Sequence[p.Event]:
        """These finished turns are committed."""
        for key in keys:
            self._emit(p.TurnSaved(epoch=self.epoch, seq=self._next(), ms=ms, turn=key))
        return self._take_out()

    def ended(self, reason: EndReason, ms: int) -> Sequence[p.Event]:
        self._end_turn(Speaker.USER, TurnState.FINAL, ms)
        self._end_turn(Speaker.AGENT, TurnState.INTERRUPTED, ms)
        self._emit(p.Ended(epoch=self.epoch, seq=self._next(), ms=ms, reason=reason))
        return self._take_out()

    def take(self) -> tuple[list[TurnRecord], list[EventRecord]]:
        """Hand over what is to be stored."""
        turns, events = list(self.turns.values()), self.events
        self.turns, self.events = {}, []
        return turns, events

    def put_back(self, turns: Sequence[TurnRecord], events: Sequence[EventRecord]) -> None:
        """The store failed: keep what `take` gave, unless something newer is here already."""
        self.turns = {turn.first_seq: turn for turn in turns} | self.turns
        self.events = [*events, *self.events]

    # --- the parts ---------------------------------------------------------------

    def _sound(self, ms: int) -> None:
        turn = self._agent_turn(ms)
        self._sounding = True
        self.stream = (self.stream + 1) & 0xFF
        self._emit(
            p.AudioStarted(
                epoch=self.epoch,
                seq=self._next(),
                ms=ms,
                stream=self.stream,
                turn=f"{self.epoch}.{turn.first_seq}",
            )
        )

    def _agent_words(self, text: str, ms: int) -> None:
        if not text:
            return
        turn = self._agent_turn(ms)
        if len(turn.text) + len(text) > p.TURN_CHARS:
            self._end_turn(Speaker.AGENT, TurnState.FINAL, ms)
            turn = self._agent_turn(ms)
        self._append(turn, text, ms)

    def _agent_turn(self, ms: int) -> OpenTurn:
        if self._agent is None:
            self._agent = self._start_turn(Speaker.AGENT, ms)
            self._agent_is(AgentState.SPEAKING, ms)
        return self._agent

    def _user_words(self, text: str, ms: int) -> None:
        if not text:
            return
        if self._user is not None and len(self._user.text) + len(text) > p.TURN_CHARS:
            self._end_turn(Speaker.USER, TurnState.FINAL, ms)
        if self._user is None:
            heard_at = ms if self._heard_at is None else self._heard_at
            self._user = self._start_turn(Speaker.USER, ms, start_ms=heard_at)
        self._append(self._user, text, ms)

    def _voice(self, active: bool, ms: int) -> None:
        if active:
            self._end_turn(Speaker.USER, TurnState.FINAL, ms)
            self._heard_at = ms
            self._agent_is(AgentState.HEARING_USER, ms)
        elif self.picture.agent == AgentState.HEARING_USER:
            self._agent_is(AgentState.THINKING, ms)

    def _interrupted(self, ms: int) -> None:
        self._emit(p.Interrupted(epoch=self.epoch, seq=self._next(), ms=ms, stream=self.stream))
        self._sounding = False
        self._end_turn(Speaker.AGENT, TurnState.INTERRUPTED, ms)
        self._agent_is(AgentState.INTERRUPTED, ms)

    def _turn_complete(self, ms: int) -> None:
        self._sounding = False
        answered = self._agent is not None
        self._end_turn(Speaker.AGENT, TurnState.FINAL, ms)
        if answered:
            # The answer is over, so the words that led to it are complete.
            self._end_turn(Speaker.USER, TurnState.FINAL, ms)
        if self.picture.agent != AgentState.HEARING_USER:
            self._agent_is(AgentState.LISTENING, ms)

    def _progress(self, ms: int, stage: Literal["generated", "complete"], reason: str = "") -> None:
        usage = None
        if stage == "complete":
            usage, self._usage = self._usage, None
        self._emit(
            p.Progress(
                epoch=self.epoch,
                seq=self._next(),
                ms=ms,
                stage=stage,
                reason=reason,
                tokens=tokens_of(usage) if usage else None,
            )
        )

    def _start_turn(
        self, speaker: Speaker, ms: int, *, ref: str = "", start_ms: int | None = None
    ) -> OpenTurn:
        turn = OpenTurn(self._next(), speaker, ms if start_ms is None else start_ms, ref)
        self._emit(
            p.TurnStarted(
                epoch=self.epoch,
                seq=turn.first_seq,
                ms=turn.start_ms,
                turn=f"{self.epoch}.{turn.first_seq}",
                speaker=speaker,
                ref=ref or None,
            )
        )
        return turn

    def _append(self, turn: OpenTurn, text: str, ms: int) -> None:
        text = text.replace("\0", "")  # PostgreSQL stores every character but this one
        turn.text += text
        key = f"{self.epoch}.{turn.first_seq}"
        self._emit(p.TurnText(epoch=self.epoch, seq=self._next(), ms=ms, turn=key, text=text))
        self._record(turn, TurnState.PARTIAL, None)

    def _end_turn(self, speaker: Speaker, state: TurnState, ms: int) -> None:
        turn = self._user if speaker == Speaker.USER else self._agent
        if turn is None:
            return
        key = f"{self.epoch}.{turn.first_seq}"
        self._emit(p.TurnEnded(epoch=self.epoch, seq=self._next(), ms=ms, turn=key, state=state))
        self._record(turn, state, ms)
        if speaker == Speaker.USER:
            self._user, self._heard_at = None, None
        else:
            self._agent = None

    def _record(self, turn: OpenTurn, state: TurnState, end_ms: int | None) -> None:
        self.turns[turn.first_seq] = TurnRecord(
            epoch=self.epoch,
            first_seq=turn.first_seq,
            last_seq=self.seq,
            speaker=turn.speaker,
            state=state,
            text=turn.text,
            ref=turn.ref,
            start_ms=turn.start_ms,
            end_ms=end_ms,
        )

    def _agent_is(self, state: AgentState, ms: int) -> None:
        if self.picture.agent != state:
            self._emit(p.AgentChanged(epoch=self.epoch, seq=self._next(), ms=ms, state=state))

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _emit(self, event: p.Event) -> None:
        self.picture.fold(event)
        self._out.append(event)
        if isinstance(event, KEPT):
            self.events.append(kept(event))

    def _take_out(self) -> Sequence[p.Event]:
        out, self._out = self._out, []
        return out


def tokens_of(usage: live.Usage) -> p.Tokens:
    return p.Tokens(
        prompt=usage.prompt_tokens,
        response=usage.response_tokens,
        total=usage.total_tokens,
        cached=usage.cached_tokens,
        tool_use=usage.tool_use_tokens,
        thoughts=usage.thoughts_tokens,
        prompt_details=usage.prompt_details,
        response_details=usage.response_details,
    )


def kept(event: KeptEvent) -> EventRecord:
    kind, data = kind_and_data(event)
    return EventRecord(event.epoch, event.seq, kind, event.ms, data)


def kind_and_data(event: KeptEvent) -> tuple[str, dict[str, Any]]:
    match event:
        case p.Interrupted():
            return "interrupted", {"stream": event.stream}
        case p.Notice():
            return event.code, {"text": event.text}
        case p.LimitWarning():
            told = {"left_ms": event.left_ms, "percent": event.percent}
            return "limit-warning", {"what": str(event.what), **told}
        case p.Ended():
            return "ended", {"reason": str(event.reason)}
