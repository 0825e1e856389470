"""What a page does with the frames it gets, for tests: fold, check, wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from conversations import protocol as p
from conversations.states import Speaker, TurnState

PATIENCE_S = 30.0


class Page:
    """Folds frames into a picture, and checks invariant 1 on the way."""

    def __init__(self) -> None:
        self.picture = p.Picture()
        self.epoch = 0
        self.seq = 0
        self.frames = 0
        self.audio_bytes = 0
        self.snapshots = 0
        self.messages: list[p.ServerMessage] = []
        self.events: list[p.Event] = []
        self._waker = asyncio.Event()
        self._failure: BaseException | None = None

    def take(self, frame: bytes | str) -> None:
        self.frames += 1
        if isinstance(frame, bytes) and frame[0] == p.AUDIO:
            self.audio_bytes += len(frame) - p.HEADER.size
        elif p.position_decoder.decode(frame).type == "event":
            self._take_event(p.event_decoder.decode(frame))
        else:
            self._take_message(p.server_decoder.decode(frame))
        self._waker.set()

    def _take_event(self, event: p.Event) -> None:
        assert (event.epoch, event.seq) == (self.epoch, self.seq + 1), "a gap or a repetition"
        self.seq = event.seq
        self.picture.fold(event)
        self.events.append(event)

    def _take_message(self, message: p.ServerMessage) -> None:
        self.messages.append(message)
        match message:
            case p.Snapshot():
                self.epoch, self.seq = message.epoch, message.seq
                self.picture = message.state
                self.snapshots += 1
            case p.Resumed():
                assert (message.epoch, message.seq) == (self.epoch, self.seq)

    def follower_ended(self, task: asyncio.Task[None]) -> None:
        """A reader that failed must fail the test now, not by a time-out later."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._waker.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; it is looked at after every frame and ten times a second."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not condition():
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"it did not come to it: {self!r}")
            if self._failure is not None:
                raise self._failure
            self._waker.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._waker.wait()

    def __repr__(self) -> str:
        turns = [(str(t.speaker), str(t.state), t.text[-40:]) for t in self.picture.turns[-5:]]
        messages = [type(message).__name__ for message in self.messages[-5:]]
        return f"<Page at {self.epoch}.{self.seq}, {self.picture.state}, {turns}, {messages}>"

    # --- questions -------------------------------------------------------------------

    def said(self, speaker: Speaker) -> list[str]:
        return [turn.text for turn in self.picture.turns if turn.speaker == speaker]

    def answered(self, count: int = 1) -> bool:
        """Whether the agent has finished `count` turns with words in them."""
        done = [
            turn
            for turn in self.picture.turns
            if turn.speaker == Speaker.AGENT and turn.state != TurnState.PARTIAL and turn.text
        ]
        return len(done) >= count

    def all_saved(self) -> bool:
        return all(turn.saved for turn in self.picture.turns)
