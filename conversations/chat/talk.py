"""Who is talked to, in the words of `live.events`; and Gemini Live itself as one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from live import Event, LiveSession, Usage


class ChatError(Exception):
    """The talk cannot begin or go on; the text is one line that ends with the fix."""


class Note(Event, frozen=True):
    """A line for the person that is nobody's words."""

    text: str


class Talk(Protocol):
    """One open talk. Every method may raise `LiveError` or `ChatError` when it is over."""

    @property
    def name(self) -> str:
        """The other side's, for the screen."""

    async def send_text(self, text: str) -> None: ...

    async def send_audio(self, pcm: bytes, rate: int) -> None:
        """A piece of the person's sound: PCM16 little-endian mono at `rate` Hz."""

    async def end_audio(self) -> None:
        """The person has stopped speaking, or the microphone pauses."""

    async def receive(self) -> list[Event]:
        """The next events; an empty list means that the talk has ended as it should."""

    async def close(self) -> None:
        """End it politely. Closing twice does no harm."""

    def summary(self) -> str:
        """What is to be said at the end, in one line; it may be asked after `close`."""


class GeminiTalk:
    """The Live API, or the simulator, without Parley in between."""

    def __init__(self, session: LiveSession, model: str) -> None:
        self._session = session
        self.name = model.rpartition("/")[2]

    async def send_text(self, text: str) -> None:
        self._session.send_text(text)

    async def send_audio(self, pcm: bytes, rate: int) -> None:
        self._session.send_audio(pcm, rate)

    async def end_audio(self) -> None:
        self._session.end_audio()

    async def receive(self) -> list[Event]:
        return await self._session.receive()

    async def close(self) -> None:
        await self._session.close()

    def summary(self) -> str:
        dropped = self._session.audio_dropped_bytes
        unsent = f"; {dropped:,} bytes of sound were not sent in time" if dropped else ""
        return f"usage: {describe(self._session.usage)}{unsent}"


def describe(usage: Usage) -> str:
    """Tokens in words: `120 tokens: prompt 100 (TEXT 20, AUDIO 80), answer 20 (AUDIO 20)`."""
    prompt = _by_modality(usage.prompt_tokens, usage.prompt_details)
    answer = _by_modality(usage.response_tokens, usage.response_details)
    thoughts = f", thoughts {usage.thoughts_tokens:,}" if usage.thoughts_tokens else ""
    return f"{usage.total_tokens:,} tokens: prompt {prompt}, answer {answer}{thoughts}"


def _by_modality(tokens: int, details: Mapping[str, int]) -> str:
    if not details:
        return f"{tokens:,}"
    return f"{tokens:,} ({', '.join(f'{name} {count:,}' for name, count in details.items())})"
