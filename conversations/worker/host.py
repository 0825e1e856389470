"""One conversation, hosted: its upstream session, its events, its viewers.

Everything here runs on the event loop and waits for nothing: upstream events go through the
assembly into the ring and out to the viewers in one go; what has to be stored is picked up
by the worker's writer. No database, no thread, no other conversation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import live
from accounts.failover.failures import Failure, failure_of
from accounts.failover.line import Line
from conversations import protocol as p
from conversations.link import LinkClosed, LinkStream
from conversations.quotas.timekeeper import Standing, Timekeeper
from conversations.recordings.tape import Keep, Tape
from conversations.states import AgentState, ConversationState, EndReason, Speaker, TurnState
from conversations.tools.ledger import LeftCall
from conversations.transcripts.assembly import Assembly, ToolChange
from conversations.transcripts.records import Batch
from conversations.transcripts.writer import Outcome
from conversations.underway import Tally, closing
from conversations.usage.meter import Meter
from conversations.worker.calls import ToolCalls
from conversations.worker.loading import Case
from conversations.worker.notices import SESSION_RENEWED, UPSTREAM_LOST, line_changes
from conversations.worker.presence import Presence, TooManyObservers
from conversations.worker.ring import EventRing
from conversations.worker.said import history, reminder, unanswered
from conversations.worker.senses import Senses
from conversations.worker.standstill import Standstill, never
from conversations.worker.texts import UPSTREAM_BEHIND, TextGate
from conversations.worker.viewer import Viewer
from live.messages import Content

log = logging.getLogger(__name__)

END_REASONS: tuple[tuple[type[live.LiveError], EndReason], ...] = (
    (live.CredentialError, EndReason.CREDENTIAL_PROBLEM),
    (live.QuotaError, EndReason.CAPACITY_FULL),
    (live.LiveError, EndReason.UPSTREAM_UNAVAILABLE),
)


# The conversation's state, why it ended, and whether the user has finished a turn.
RowState = tuple[ConversationState, EndReason | None, bool]


# Handing a conversation on, and pausing it, wait until the agent is done.
BUSY = frozenset({AgentState.SPEAKING, AgentState.THINKING, AgentState.USING_TOOL})
# Somebody is active; an end that a limit brings waits for a moment in which nobody is.
ACTIVE = BUSY | {AgentState.HEARING_USER}

History = Callable[[], Sequence[Content]]
# A session that knows how to ask what was said so far, and what the user asked before.
Opener = Callable[[History, Sequence[str]], live.LiveSession]


class Office(Protocol):
    """What a host needs of its worker."""

    def wants_write(self) -> None: ...
    def wants_end(self, host: SessionHost, reason: EndReason) -> None: ...
    def wants_line(self, host: SessionHost, failure: Failure) -> None: ...


class SessionHost:
    """One epoch of one conversation in this process."""

    def __init__(
        self,
        case: Case,
        opener: Opener,
        office: Office,
        *,
        clock: Callable[[], float] = time.monotonic,
        standstill: Standstill | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.case = case
        self.epoch = case.epoch
        self.ring = EventRing()
        self.viewers: set[Viewer] = set()
        self.presence: Presence[Viewer] = Presence()
        self._tally = Tally()
        self._is_leaving = False
        self._standstill = standstill or never()
        self.end_reason: EndReason | None = None
        self.is_fenced = False
        self.left_at: float | None = clock()
        self._office = office
        self._clock = clock
        self._began = clock() - case.age_s
        self._assembly = Assembly(case.epoch, case.picture)
        self._stored_handle = case.handle
        self._stored_state: RowState | None = None
        self._taken_state: RowState | None = None
        self._taken: Batch | None = None
        self._farewell: Sequence[p.Event] = ()
        self._upstream = opener(self.history, unanswered(case.picture))
        self._senses = Senses(lambda: self._upstream, clock)
        self._task: asyncio.Task[None] | None = None
        self._is_between_lines = False
        self._timekeeper = Timekeeper()
        self._timekeeper.standing = case.standing
        self._active_ms = self._ms()
        known = (turn.ref for turn in case.picture.turns if turn.ref)
        self._texts = TextGate(known, clock)
        self._meter = Meter(case.account, epoch=case.epoch, began=case.began)
        self._tape = Tape(self._ms(), keep)
        self._calls = ToolCalls(case.caller, case.toolbox, self, case.lost_calls)

    # --- life -------------------------------------------------------------------

    def start(self) -> None:
        self._publish(self._assembly.state(ConversationState.WAITING, self._ms()))
        self._publish(self._assembly.recording(self._tape.is_on, self._ms()))
        self._upstream.start()
        self._task = asyncio.create_task(self._listen_to_upstream(), name="upstream")

    async def leave_upstream(self) -> None:
        """Close the upstream session, with a close frame, and wait until it is closed.

        What a page says from now on stays with its web process, for the next host.
        """
        self._is_leaving = True
        self._senses.close()
        await self._calls.aclose()
        await self._upstream.close()
        self._meter.left(self._age_s())
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def close_turns(self) -> None:
        """Nothing more will be said here: what is open ends now."""
        ms = self._ms()
        self._publish([*self._assembly.cut(ms), *self._assembly.recording(False, ms)])
        self._tape.end(ms)

    def pause(self) -> None:
        self._publish(self._assembly.state(ConversationState.PAUSED, self._ms()))

    def conclude(self, reason: EndReason) -> None:
        """This is the end. It is told by `say_farewell`, once it is stored."""
        self.end_reason = reason
        self._farewell = self._assembly.ended(reason, self._ms())

    def say_farewell(self) -> None:
        self._publish(self._farewell)

    def close_viewers(self, reason: str) -> None:
        for viewer in list(self.viewers):
            viewer.close(closing(reason, self._tally.of(viewer.line)))
        self.viewers.clear()

    @property
    def is_busy(self) -> bool:
        return self._assembly.picture.agent in BUSY

    @property
    def is_at_rest(self) -> bool:
        """Whether nobody speaks, nothing is owed and no tool runs: a moment to hand it on."""
        return self._assembly.picture.agent not in ACTIVE and self._upstream.is_at_rest

    # --- limits ----------------------------------------------------------------------

    def know_limits(self, standing: Standing) -> None:
        """What was looked up of this conversation's limits; it holds from now on."""
        self._timekeeper.standing = standing

    def mind_limits(self) -> EndReason | None:
        """Tell the viewers what is near. Returns why the conversation has to end now, if so."""
        self._tell_lost()
        ms = self._ms()
        self._tape.pass_time(ms)
        at_pause = self._assembly.picture.agent not in ACTIVE
        if not at_pause:
            self._active_ms = ms
        verdict = self._timekeeper.look(ms, active_ms=self._active_ms, at_pause=at_pause)
        for say in verdict.say:
            told = self._assembly.warned(say.what, ms, left_ms=say.left_ms, percent=say.percent)
            self._publish(told)
        return verdict.end

    # --- the store -----------------------------------------------------------------

    def take_batch(self) -> Batch | None:
        """Hand over what is not stored; the answer comes by `stored` or `not_stored`."""
        turns, events = self._assembly.take()
        usage = self._meter.take(self._age_s())
        newest = self._upstream.handle or None
        handle = newest if newest != self._stored_handle else None
        state = self._row_state()
        if not (turns or events or handle or usage) and state == self._stored_state:
            return None
        self._taken_state = state
        self._taken = Batch(
            conversation_id=self.case.conversation_id,
            tenant_id=self.case.tenant_id,
            epoch=self.epoch,
            seq=self._assembly.seq,
            state=self._assembly.picture.state,
            state_changed=state != self._stored_state,
            turns=turns,
            events=events,
            end_reason=self.end_reason,
            handle=handle,
            usage=usage,
        )
        return self._taken

    def stored(self, outcome: Outcome) -> None:
        batch, self._taken = self._taken, None
        if batch is None:
            return
        self._stored_state = self._taken_state
        self._stored_handle = batch.handle or self._stored_handle
        if outcome.saved and self.end_reason is None:
            self._publish(self._assembly.saved(outcome.saved, self._ms()))
        self._picture_within_bounds()

    def _row_state(self) -> RowState:
        """What of the conversation's own row can have changed."""
        picture = self._assembly.picture
        spoken = any(
            turn.speaker == Speaker.USER and turn.state != TurnState.PARTIAL
            for turn in picture.turns
        )
        return picture.state, self.end_reason, spoken

    def not_stored(self) -> None:
        if self._taken is not None:
            self._assembly.put_back(self._taken.turns, self._taken.events)
            self._meter.put_back(self._taken.usage)
            self._taken = None

    # --- viewers ---------------------------------------------------------------------

    def view(self, stream: LinkStream, attach: p.Attach) -> None:
        """Attach a socket; it gets what it misses, or a snapshot."""
        viewer = Viewer(stream, self, epoch=attach.epoch, seq=attach.seq, line=attach.line)
        try:
            gone = self.presence.come(viewer, attach.page, attach.mode)
        except TooManyObservers:
            stream.close(p.STREAM_CROWDED)
            return
        for other in gone:
            self.viewers.discard(other)
            other.close(p.STREAM_TAKEN)
        viewer.confirm(p.Taken(self._tally.of(viewer.line)))
        self.viewers.add(viewer)
        self._tell_presence()
        task = asyncio.create_task(self._listen(viewer), name="viewer")
        task.add_done_callback(lambda _: self._forget(viewer))

    def snapshot(self) -> bytes:
        self._picture_within_bounds()
        picture = self._assembly.picture
        snapshot = p.Snapshot(epoch=self.epoch, seq=self.ring.last, state=picture, ms=self._ms())
        return p.encode(snapshot)

    async def _listen(self, viewer: Viewer) -> None:
        try:
            while True:
                frame = await viewer.stream.receive()
                if not self._standstill.is_over():
                    await self._standstill.wait()
                if self._is_leaving:
                    continue
                self._take_input(viewer, frame)
                viewer.stream.consumed(len(frame))
                if (taken := self._tally.count(viewer.line)) is not None:
                    viewer.confirm(taken)
        except LinkClosed:
            pass

    def _forget(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)
        viewer.close("")
        if self.presence.go(viewer):
            self._tell_presence()

    def _tell_presence(self) -> None:
        """Somebody came or went: each socket learns what it is, and we whether we are deserted."""
        owned = self.presence.owner is not None
        left_at = self._clock() if self.left_at is None else self.left_at
        self.left_at = None if owned else left_at
        for viewer in self.viewers:
            viewer.stand(p.Presence(role=self.presence.role_of(viewer), owned=owned))

    # --- input ---------------------------------------------------------------------

    def _take_input(self, viewer: Viewer, frame: bytes) -> None:
        if self.end_reason is not None:
            return
        if not self.presence.hears(viewer):
            if frame[0] not in (p.AUDIO, p.PICTURE):
                viewer.tell(p.READ_ONLY)
            return
        if frame[0] == p.AUDIO:
            self._senses.hear(frame[p.HEADER.size :])
            self._tape.hear(frame[p.HEADER.size :], self._ms())
            self._tell_lost()
        elif frame[0] == p.PICTURE:
            self._senses.show(frame[p.HEADER.size :])
        else:
            self._take_message(viewer, p.client_decoder.decode(frame))

    def _take_message(self, viewer: Viewer, message: p.ClientMessage) -> None:
        match message:
            case p.SendText(id=ref, text=text):
                self._take_text(viewer, ref, text)
            case p.AudioEnd():
                with suppress(live.LiveError):  # an ended session hears nothing anyway
                    self._upstream.end_audio()
            case p.StopRecording():
                self._tape.stop(self._ms())
                self._publish(self._assembly.recording_stopped(self._ms()))
            case p.Stay():
                self._active_ms = self._ms()
            case p.ToolTake() | p.ToolResult():
                if (refused := self._calls.hear_page(message)) is not None:
                    viewer.tell(refused)
            case p.End():
                self._office.wants_end(self, EndReason.USER_LEFT)

    def _tell_lost(self) -> None:
        """The model's side takes too slowly what its user says: who speaks has to know."""
        owner = self.presence.owner
        if owner is not None and (gap := self._senses.lost()) is not None:
            owner.tell(gap)

    def _take_text(self, viewer: Viewer, ref: str, text: str) -> None:
        if self._texts.knows(ref):
            return
        unsaved = sum(len(turn.text) for turn in self._assembly.turns.values())
        bounds = self._timekeeper.standing.bounds
        if (refused := self._texts.refuse(text, bounds, unsaved_chars=unsaved)) is not None:
            viewer.tell(refused)
            return
        try:
            if not self._is_between_lines:  # otherwise the next session is told
                self._upstream.send_text(text)
        except live.LiveError as error:
            log.warning("text not taken: %s", error.code)
            viewer.tell(UPSTREAM_BEHIND)
            return
        self._texts.took(ref)
        self._publish(self._assembly.typed(ref, text, self._ms()))

    # --- what the upstream tells -----------------------------------------------------

    async def _listen_to_upstream(self) -> None:
        try:
            while events := await self._upstream.receive():
                if not self._standstill.is_over():
                    await self._standstill.wait()
                if self.is_fenced:
                    return
                self.hear(events)
        except live.LiveError as error:
            self.give_up(error)

    def hear(self, events: Sequence[live.Event]) -> None:
        """What the session with the model tells."""
        ms = self._ms()
        for event in events:
            self._take_event(event, ms)

    def give_up(self, error: live.LiveError) -> None:
        """The session with the model ended. Another credential may help, or nothing does."""
        log.warning("upstream gave up: %s", error.code)
        failure = failure_of(error)
        if failure is None:
            reason = next(reason for kind, reason in END_REASONS if isinstance(error, kind))
            self._office.wants_end(self, reason)
            return
        ms = self._ms()
        self._meter.left(self._age_s())
        self._publish(self._assembly.cut(ms))
        self._publish(self._assembly.state(ConversationState.ROTATING, ms))
        self._is_between_lines = True
        self._office.wants_line(self, failure)

    def wait_for_line(self, wait_s: float) -> None:
        """Another credential steps in, at the pace at which the service lets sessions begin."""
        self._publish(self._assembly.notice("credential-changed", line_changes(wait_s), self._ms()))

    def case_on(self, line: Line) -> Case:
        """The case as it goes on with another credential; another project knows no handle."""
        known = line.shares_sessions_with(self.case.line)
        return replace(self.case, line=line, handle=self._upstream.handle if known else None)

    def go_on(self, case: Case, opener: Opener) -> None:
        """Begin the session with the model again, with what `opener` opens for `case`."""
        self.case = case
        self._is_between_lines = False
        self._upstream = opener(self.history, unanswered(self._assembly.picture))
        self._upstream.start()
        self._task = asyncio.create_task(self._listen_to_upstream(), name="upstream")

    def _take_event(self, event: live.Event, ms: int) -> None:
        match event:
            case live.Audio():
                self._publish(self._assembly.upstream(event, ms))
                self._tape.play(event.data, ms)
                for viewer in self.viewers:
                    viewer.offer_audio(self._assembly.stream, event.data)
            case live.Usage():
                self._meter.report(event, self._age_s())
                self._assembly.used(event)
            case live.Connected():
                self._meter.connected(self._age_s())
                if event.renewed:
                    self._publish(self._assembly.notice("session-renewed", SESSION_RENEWED, ms))
                    self._remind(self._calls.forget())
                else:
                    self._calls.answer_lost()
                self._publish(self._assembly.state(ConversationState.LIVE, ms))
            case live.Disconnected():
                self._meter.left(self._age_s())
                self._publish(self._assembly.cut(ms))
                self._publish(self._assembly.state(ConversationState.ROTATING, ms))
                if event.code != live.GO_AWAY:
                    self._publish(self._assembly.notice("upstream-lost", UPSTREAM_LOST, ms))
            case _:
                self._publish(self._assembly.upstream(event, ms))
                self._calls.hear(event)

    def _remind(self, left: Sequence[LeftCall]) -> None:
        if text := reminder(self._assembly.picture, left):
            self._upstream.send_text(text)

    def tell_model(self, answer: live.FunctionResponse) -> None:
        """How a tool call ended."""
        try:
            self._upstream.send_tool_responses([answer])
        except live.LiveError as error:
            log.warning("a tool's answer was not taken: %s", error.code)

    def tell_pages(self, change: ToolChange) -> None:
        """A tool call goes on, or is over; the model goes on when none is open."""
        ms = self._ms()
        self._publish(self._assembly.tool(change, ms))
        if not self._calls:
            self._publish(self._assembly.answered(ms))

    def history(self) -> list[Content]:
        """What was said, as Live API contents, for a session that begins anew."""
        return history(self._assembly.picture)

    # --- parts ---------------------------------------------------------------------

    def _publish(self, events: Sequence[p.Event]) -> None:
        if not events:
            return
        urgent = False
        for event in events:
            self.ring.append(p.encode(event))
            if isinstance(event, p.Interrupted):
                self._tape.cut(event.ms)
                for viewer in self.viewers:
                    viewer.drop_audio()
            urgent = urgent or isinstance(event, p.TurnEnded | p.Recording)
            if isinstance(event, p.TurnStarted | p.TurnText):
                self._active_ms = event.ms
        for viewer in self.viewers:
            viewer.pump()
        if urgent:
            self._office.wants_write()

    def _picture_within_bounds(self) -> None:
        self._assembly.picture.trim(p.SNAPSHOT_BYTES)

    def _ms(self) -> int:
        # The clocks of two machines differ: a conversation may seem to begin in the future.
        return max(0, int(self._age_s() * 1000))

    def _age_s(self) -> float:
        return self._clock() - self._began
