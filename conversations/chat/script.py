"""What the person does in a talk, and how it waits for the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any, Protocol

from conversations.chat.screen import Screen
from conversations.chat.talk import ChatError, Talk
from conversations.chat.wav import PIECE_S, Recording
from live import (
    Audio,
    Event,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    Text,
    TurnComplete,
)

# After a recording that had answers while it ran: how long more may be under way, in seconds.
SETTLE_S = 2.0
FAST = 20.0  # times real time


class Ear(Protocol):
    """Where the answers' sound goes."""

    def play(self, audio: Audio) -> None: ...

    def cut(self) -> None:
        """Drop what is not heard yet."""

    def close(self) -> None: ...


class Chat:
    """One talk with its screen and its ears. `patience` is in seconds."""

    def __init__(
        self, talk: Talk, screen: Screen, ears: Iterable[Ear] = (), *, patience: float = 60.0
    ) -> None:
        self.talk = talk
        self.screen = screen
        self._ears = tuple(ears)
        self._patience = patience
        self._answers = 0  # turns of the other side that are over
        self._open = False  # whether words have come since the last of them
        self._news = asyncio.Event()

    async def hold(self, script: Coroutine[Any, Any, None]) -> None:
        """Listen while the script runs; close the talk when one of them ends.

        Raises the `LiveError` or `ChatError` that ended it.
        """
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(script)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.talk.close()
            self.screen.end_line()  # last: the screen may be a pipe that nobody reads

    async def _listen(self) -> None:
        while events := await self.talk.receive():
            for event in events:
                self._take(event)
            self._news.set()

    def _take(self, event: Event) -> None:
        match event:
            case Audio():
                for ear in self._ears:
                    ear.play(event)
            case Interrupted():
                for ear in self._ears:
                    ear.cut()
            case InputTranscript() | OutputTranscript() | Text():
                self._open = True
            case TurnComplete(more=False):
                self._open = False
                self._answers += 1
        self.screen.show(event)

    # -- Scripts ---------------------------------------------------------------------------------

    async def say(self, texts: Iterable[str]) -> None:
        """Each text after the answer to the one before."""
        for text in texts:
            await self._ask(text)

    async def converse(self, lines: AsyncIterator[str], *, at_once: bool) -> None:
        """What is typed. `at_once` sends a line while the answer runs, and so interrupts it."""
        self.screen.prompt()
        async for line in lines:
            if at_once:
                self.screen.typed(line)
                await self.talk.send_text(line)
            else:
                await self._ask(line)

    async def speak(self, recording: Recording, *, fast: bool = False) -> None:
        """A recording as a microphone would send it, and what is answered."""
        loop = asyncio.get_running_loop()
        begun, answers, piece_s = loop.time(), self._answers, PIECE_S / (FAST if fast else 1)
        for number, piece in enumerate(recording.pieces(), 1):
            await self.talk.send_audio(piece, recording.rate)
            await asyncio.sleep(max(0.0, begun + number * piece_s - loop.time()))
        await self.talk.end_audio()
        if self._answers == answers:
            await self._answered(answers)
        await self._settled()

    async def _ask(self, text: str) -> None:
        answers = self._answers
        self.screen.typed(text)
        await self.talk.send_text(text)
        await self._answered(answers)

    async def _answered(self, answers: int) -> None:
        while self._answers == answers:
            if not await self._hears(self._patience):
                raise ChatError(
                    f"Nothing came for {self._patience:g} s. "
                    "Try again, or be more patient with --patience SECONDS."
                )

    async def _settled(self) -> None:
        """Wait until nothing is open, and nothing more comes."""
        while await self._hears(self._patience if self._open else SETTLE_S):
            pass

    async def _hears(self, seconds: float) -> bool:
        """Whether anything came within that time."""
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
