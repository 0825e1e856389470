"""Google's client messages as our clients' frames. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Final

import msgspec

from conversations import protocol as p
from conversations.dropin import refusals as r
from conversations.dropin.resampling import Resampler
from conversations.dropin.setup import read_message
from conversations.states import Medium
from live.audio import INPUT_RATE, rate_of
from live.messages import Blob, ClientContent, Content, FunctionResponse, RealtimeInput

# A tenth of a second at 16 kHz is 3200 bytes; a bigger piece is sent as several frames.
PIECE_BYTES: Final = 32 * 1024
RATES: Final = range(8_000, 96_001)
ROLES: Final = {"model": "You", "": "User", "user": "User"}

NO_ACTIVITY = "Who speaks is found out here: send neither activityStart nor activityEnd."
NO_PICTURE = "A picture is one whole JPEG of at most 192 KiB: send image/jpeg."
NO_SOUND = "Sound is PCM16, mono, of 8 to 96 kHz: send audio/pcm;rate=16000."
NOT_THIS_MEDIUM = "The token is not for sending that."
NO_CHANGE = "The instruction and the tools of an agent cannot be changed in a session."
ONE_FIELD = "Send exactly one kind of message at a time."
TEXT_ONLY = "clientContent has texts here: send sound and pictures as realtimeInput."


class Hearing:
    """One socket's input. `media`: what may be sent; `name` gives the id of each text."""

    def __init__(
        self,
        media: Collection[Medium] = frozenset(Medium),
        name: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._media = media
        self._name = name
        self._held: list[Content] = []
        self._held_chars = 0
        self._resampler = Resampler(INPUT_RATE)
        self._frames = 0

    def take(self, frame: str | bytes) -> list[bytes]:
        """What one message of the caller comes to, in order. Raises Refusal for what cannot be."""
        message = read_message(frame)
        if message.setup is not None:
            raise r.not_the_setup()
        if message.context_update is not None:
            raise r.invalid_argument(NO_CHANGE)
        if message.client_content is not None:
            return list(self._content(message.client_content))
        if message.tool_response is not None:
            return [answer(each) for each in message.tool_response.function_responses]
        if message.realtime_input is not None:
            return list(self._realtime(message.realtime_input))
        raise r.invalid_argument(ONE_FIELD)

    # --- what is heard and shown ---------------------------------------------------------

    def _realtime(self, given: RealtimeInput) -> Iterator[bytes]:
        if given.activity_start is not None or given.activity_end is not None:
            raise r.invalid_argument(NO_ACTIVITY)
        blob = given.audio or next(iter(given.media_chunks), None)
        if blob is not None and blob.mime_type.startswith("image/"):
            yield self._picture(blob)
        elif blob is not None:
            yield from self._sound(blob)
        if given.video is not None:
            yield self._picture(given.video)
        if given.text:
            yield self._text(given.text)
        if given.audio_stream_end:
            yield p.encode(p.AudioEnd())

    def _check(self, medium: Medium) -> None:
        if medium not in self._media:
            raise r.denied(NOT_THIS_MEDIUM)

    def _sound(self, blob: Blob) -> Iterator[bytes]:
        self._check(Medium.AUDIO)
        rate = rate_of(blob.mime_type or "audio/pcm", INPUT_RATE)
        if rate not in RATES or len(blob.data) % 2:
            raise r.invalid_argument(NO_SOUND)
        pcm = self._resampler.take(blob.data, rate or INPUT_RATE)
        for start in range(0, len(pcm), PIECE_BYTES):
            header = p.HEADER.pack(p.AUDIO, 0, INPUT_RATE // 100, self._next())
            yield header + pcm[start : start + PIECE_BYTES]

    def _picture(self, blob: Blob) -> bytes:
        self._check(Medium.IMAGE)
        frame = p.picture_frame(self._next(), blob.data)
        try:
            p.check_input_frame(frame)
        except p.BadFrame:
            raise r.invalid_argument(NO_PICTURE) from None
        return frame

    def _next(self) -> int:
        self._frames = (self._frames + 1) & 0xFFFFFFFF
        return self._frames

    # --- what is typed --------------------------------------------------------------------

    def _content(self, given: ClientContent) -> Iterator[bytes]:
        """Turns wait until the model is to answer; then all of them are one text of the user's."""
        for turn in given.turns:
            if turn.role not in ROLES or any(not part.text for part in turn.parts):
                raise r.invalid_argument(TEXT_ONLY)
            self._held_chars += len(words(turn)) + 8
            self._held.append(turn)
        if self._held_chars > p.TEXT_CHARS:
            raise r.invalid_argument(too_long())
        if given.turn_complete and self._held:
            held, self._held, self._held_chars = self._held, [], 0
            yield self._text(as_one(held))

    def _text(self, text: str) -> bytes:
        self._check(Medium.TEXT)
        if len(text) > p.TEXT_CHARS:
            raise r.invalid_argument(too_long())
        return p.encode(p.SendText(id=self._name(), text=text))


def too_long() -> str:
    return f"A text may have {p.TEXT_CHARS} characters here."


def words(content: Content) -> str:
    return "\n".join(part.text for part in content.parts)


def as_one(turns: list[Content]) -> str:
    """What a caller says in several turns. What it tells the model of earlier talks is quoted: the
    words of a turn are those of who spoke, and nobody puts any into the agent's mouth."""
    if all(ROLES[turn.role] == "User" for turn in turns):
        return "\n".join(words(turn) for turn in turns)
    *earlier, last = turns
    told = [f"{ROLES[turn.role]}: {words(turn)}" for turn in earlier]
    told.append(words(last) if ROLES[last.role] == "User" else f"You: {words(last)}")
    return "\n".join(["What was said before:", *told[:-1], "", told[-1]])


def answer(response: FunctionResponse) -> bytes:
    """How a call of the caller's own function ended."""
    if not response.id:
        raise r.invalid_argument("A function's response needs the id of its call.")
    if len(msgspec.json.encode(response.response)) > p.RESULT_BYTES:
        raise r.invalid_argument(f"A response may have {p.RESULT_BYTES} bytes here.")
    return p.encode(p.ToolResult(call=response.id, result=response.response))
