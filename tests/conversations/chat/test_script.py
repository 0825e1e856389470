import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversations.chat.screen import Screen
from conversations.chat.script import Chat
from conversations.chat.talk import ChatError
from conversations.chat.wav import Recording
from live import Event, InputTranscript, NetworkError, OutputTranscript, TurnComplete
from live.errors import Diagnosis


class Parrot:
    """A talk in memory: says what it was told, or nothing, or breaks."""

    name = "parrot"

    def __init__(self, *, silent: bool = False) -> None:
        self.sent: list[str | int] = []
        self.closed = False
        self.silent = silent
        self._events: asyncio.Queue[list[Event] | Exception] = asyncio.Queue()

    async def send_text(self, text: str) -> None:
        self.sent.append(text)
        if not self.silent:
            self.tell([OutputTranscript(text), TurnComplete()])

    async def send_audio(self, pcm: bytes, rate: int) -> None:
        self.sent.append(len(pcm))

    async def end_audio(self) -> None:
        self.tell([InputTranscript("noise")])
        self.tell([OutputTranscript("what?"), TurnComplete()])

    def tell(self, news: list[Event] | Exception) -> None:
        self._events.put_nowait(news)

    async def receive(self) -> list[Event]:
        news = await self._events.get()
        if isinstance(news, Exception):
            raise news
        return news

    async def close(self) -> None:
        self.closed = True

    def summary(self) -> str:
        return ""


def chat_with(talk: Parrot, patience: float = 60.0) -> tuple[Chat, list[str]]:
    shown: list[str] = []
    return Chat(talk, Screen(shown.append, talk.name), patience=patience), shown


async def typed(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_each_text_waits_for_the_answer_before() -> None:
    talk = Parrot()
    chat, shown = chat_with(talk)
    await chat.hold(chat.say(["one", "two"]))
    assert "".join(shown) == "you: one\nparrot: one\nyou: two\nparrot: two\n"
    assert talk.closed


async def test_a_person_at_a_terminal_need_not_wait() -> None:
    talk = Parrot(silent=True)
    chat, _ = chat_with(talk)
    await chat.hold(chat.converse(typed("one", "two"), at_once=True))
    assert talk.sent == ["one", "two"]


async def test_silence_ends_with_what_to_do() -> None:
    talk = Parrot(silent=True)
    chat, _ = chat_with(talk, patience=0.01)
    with pytest.raises(ChatError, match="--patience"):
        await chat.hold(chat.converse(typed("one"), at_once=False))
    assert talk.closed


async def test_what_breaks_the_talk_ends_the_script() -> None:
    talk = Parrot(silent=True)
    chat, _ = chat_with(talk)
    talk.tell(NetworkError(Diagnosis("gone", "Gone.", "Try again.")))
    with pytest.raises(NetworkError):
        await chat.hold(chat.say(["one"]))
    assert talk.closed


async def test_the_other_side_may_end_it() -> None:
    talk = Parrot(silent=True)
    chat, _ = chat_with(talk)
    talk.tell([])
    await chat.hold(chat.say(["one"]))
    assert talk.closed


async def test_a_recording_is_sent_whole_and_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversations.chat.script.SETTLE_S", 0.01)
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3_000))
    talk = Parrot()
    chat, shown = chat_with(talk)
    await chat.hold(chat.speak(Recording(tmp_path / "in.wav"), fast=True))
    assert talk.sent == [1_280, 1_280, 440]
    assert "".join(shown) == "you: noise\nparrot: what?\n"
