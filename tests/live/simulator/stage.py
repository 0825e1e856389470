"""A conversation on imaginary time: what a client sends, and when what comes back."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from live.simulator.conversation import Conversation
from live.simulator.echo import Echo
from live.simulator.fields import read_message
from live.simulator.paths import Service
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE
from live.simulator.scripted import Scripted
from live.simulator.sessions import Session, Sessions
from live.simulator.setup import Setup, read_setup
from live.simulator.speech import hear
from live.simulator.talk import Pace, Talk

DEVELOPER = Service("v1beta")
VERTEX = Service("v1beta1", vertex=True)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AUDIO_SETUP = {
    "model": "models/gemini-3.8-live",
    "generationConfig": {"responseModalities": ["AUDIO"]},
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "sessionResumption": {},
}
TEXT_SETUP = {
    "model": "models/gemini-live-2.5-flash-preview",
    "generationConfig": {"responseModalities": ["TEXT"]},
}
VERTEX_NAME = "projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live"


def setup_of(message: dict[str, Any], service: Service = DEVELOPER) -> Setup:
    reader = VERTEX_MESSAGE if service.vertex else DEVELOPER_MESSAGE
    _name, fields = read_message(json.dumps({"setup": message}), reader)
    return read_setup(fields, service)


def audio_message(pcm: bytes, rate: int = 16000) -> dict[str, Any]:
    blob = {"data": base64.b64encode(pcm).decode(), "mimeType": f"audio/pcm;rate={rate}"}
    return {"realtimeInput": {"audio": blob}}


class Stage:
    """One `Talk` and its clock. `heard` holds (second, message) of all it sent."""

    def __init__(self, make: Callable[[Session, Sessions], Talk | Scripted]) -> None:
        self.sessions = Sessions()
        self.session = Session()
        self.talk = make(self.session, self.sessions)
        self.now = 100.0
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self.talk.start(self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.talk.due() <= end:
            self.now = max(self.now, self.talk.due())
            self.talk.advance(self.now)
            self._collect()
        self.now = end

    def send(self, message: dict[str, Any]) -> None:
        self.talk.receive(json.dumps(message), self.now)
        self._collect()

    def type(self, text: str) -> None:
        self.send({"realtimeInput": {"text": text}})

    def play(self, pcm: bytes, rate: int = 16000, chunk_s: float = 0.1) -> None:
        """Send sound as a microphone does: each piece when it was recorded."""
        step = round(rate * chunk_s) * 2
        for start in range(0, len(pcm), step):
            self.wait(chunk_s)
            self.send(audio_message(pcm[start : start + step], rate))

    def kinds(self, since: float = 0.0) -> list[str]:
        """What was sent, one word a message; audio once for each run of it, noise left out."""
        found: list[str] = []
        for when, message in self.heard:
            kind = kind_of(message)
            if when >= since and kind and not (kind == "audio" and found[-1:] == ["audio"]):
                found.append(kind)
        return found

    def at(self, kind: str, since: float = 0.0) -> float:
        """When the first message of a kind was sent."""
        return next(w for w, message in self.heard if w >= since and kind_of(message) == kind)

    def content(self, name: str, since: float = 0.0) -> list[Any]:
        contents = [m.get("serverContent", {}) for when, m in self.heard if when >= since]
        return [content[name] for content in contents if name in content]

    def said(self, since: float = 0.0) -> str:
        pieces = self.content("outputTranscription", since)
        return "".join(piece.get("text", "") for piece in pieces)

    def understood(self, since: float = 0.0) -> list[str]:
        return [piece["text"] for piece in self.content("inputTranscription", since)]

    def chunks(self, since: float = 0.0) -> list[tuple[float, bytes]]:
        return [
            (when, base64.b64decode(part["inlineData"]["data"]))
            for when, message in self.heard
            if when >= since
            for part in message.get("serverContent", {}).get("modelTurn", {}).get("parts", [])
            if "inlineData" in part
        ]

    def spoken(self, since: float = 0.0) -> str:
        return hear(b"".join(pcm for _when, pcm in self.chunks(since)), 24000)

    def usage(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = [
            message["usageMetadata"] for _w, message in self.heard if "usageMetadata" in message
        ]
        return found[-1]

    def _collect(self) -> None:
        self.heard += [(self.now, json.loads(frame)) for frame in self.talk.take()]


def kind_of(message: dict[str, Any]) -> str:
    if activity := message.get("voiceActivity"):
        return str(activity["type"])
    content = message.get("serverContent")
    if content is None:
        return next(iter(message), "")
    if "modelTurn" in content:
        return "audio" if "inlineData" in content["modelTurn"]["parts"][0] else "text"
    return next(iter(content), "")


def conversation(
    setup: dict[str, Any] | None = None,
    service: Service = DEVELOPER,
    *,
    pace: Pace | None = None,
    **more: Any,
) -> Stage:
    """A conversation with setupComplete behind it. `more` goes into the setup message."""
    wanted = setup_of({**(setup or AUDIO_SETUP), **more}, service)

    def make(session: Session, sessions: Sessions) -> Talk:
        return Conversation(wanted, pace or Pace(), session, sessions, epoch=NOON)

    stage = Stage(make)
    stage.wait(1.0)
    return stage


def echo(setup: dict[str, Any] | None = None, service: Service = DEVELOPER) -> Stage:
    wanted = setup_of(setup or AUDIO_SETUP, service)
    stage = Stage(lambda session, sessions: Echo(wanted, Pace(), session, sessions))
    stage.wait(1.0)
    stage.heard.clear()
    return stage
