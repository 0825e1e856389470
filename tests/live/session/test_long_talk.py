"""An hour of talk over a hundred connections, in no time: the memory stays flat."""

import base64
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

from live.endpoint import Endpoint
from live.errors import error_from_close
from live.session import Comeback, Session, State
from live.setup import SessionConfig
from live.transcript import Stage, Transcript, Utterance

ROTATIONS = 100
TALK_S = 3600.0
TURNS = 6  # of each connection
SOUND = base64.b64encode(bytes(4800)).decode()
FLAT_BYTES = 32 * 1024


def turn(number: int) -> Iterator[dict[str, Any]]:
    yield {"serverContent": {"inputTranscription": {"text": f" Question {number}?"}}}
    for piece in range(5):
        blob = {"mimeType": "audio/pcm;rate=24000", "data": SOUND}
        yield {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}
        yield {"serverContent": {"outputTranscription": {"text": f" answer {number}.{piece}"}}}
    yield {"usageMetadata": {"totalTokenCount": 100}}
    yield {"serverContent": {"generationComplete": True}}
    yield {"serverContent": {"turnComplete": True}}
    update = {"newHandle": f"handle-{number}", "resumable": True}
    yield {"sessionResumptionUpdate": update}


class Talk:
    def __init__(self) -> None:
        self.now = 0.0
        self.utterances = 0
        self.transcript = Transcript()
        endpoint = Endpoint.developer()
        self.session = Session(
            SessionConfig(model="gemini-3.8-live"), endpoint, comeback=Comeback()
        )

    def hold(self, connection: int) -> None:
        setup = json.loads(self.session.opened(self.now))
        if connection:
            resumption = setup["setup"]["sessionResumption"]
            assert resumption["handle"] == f"handle-{connection * TURNS - 1}"
        self.hear({"setupComplete": {}})
        for number in range(TURNS):
            for message in turn(connection * TURNS + number):
                self.hear(message)
        self.now += TALK_S / ROTATIONS
        self.hear({"goAway": {"timeLeft": "5s"}})
        assert self.session.state is State.LEAVING, "nobody is at it"
        self.session.lost(error_from_close(1000, ""), self.now)
        assert self.session.deadline is not None
        self.session.tick(self.session.deadline)

    def hear(self, message: dict[str, Any]) -> None:
        for event in self.session.receive(json.dumps(message).encode(), self.now):
            self.count(self.transcript.add(event))

    def count(self, utterances: list[Utterance]) -> None:
        self.utterances += sum(each.stage is Stage.FINAL for each in utterances)


def test_an_hour_with_a_hundred_rotations_needs_no_more_memory_than_ten() -> None:
    talk = Talk()
    tracemalloc.start()
    try:
        for connection in range(10):
            talk.hold(connection)
        after_ten, _ = tracemalloc.get_traced_memory()
        for connection in range(10, ROTATIONS):
            talk.hold(connection)
        after_all, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after_all - after_ten < FLAT_BYTES
    assert talk.session.state is State.CONNECTING
    assert talk.session.usage.total_tokens == ROTATIONS * TURNS * 100
    assert talk.utterances == ROTATIONS * TURNS * 2
