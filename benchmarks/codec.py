"""What one message costs: this library's codec beside the official Python SDK's own.

The SDK's steps are called as `AsyncSession._receive` and `AsyncSession.send_realtime_input` call
them, on a session whose socket gives and takes the message at once: no network on either side.
Both take turns within each round, in one process; medians over rounds.
"""

from __future__ import annotations

import argparse
import base64
import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))

from google import genai
from google.genai import types
from google.genai.live import AsyncSession

from live.endpoint import Endpoint
from live.session import Session
from live.setup import SessionConfig
from live.wire import decode, encode_audio

T = TypeVar("T")

ROUNDS = 40
REPEATS = 100
# 68 ms of the answer: 4.4 KB on the wire, as Google writes it. 100 ms of the user's.
ANSWER_BYTES = 3_200
CHUNK_BYTES = 3_200
INPUT_RATE = 16_000


def answer() -> bytes:
    """An audio message of the service: pretty-printed, a newline at the end."""
    pcm = bytes(range(256)) * (ANSWER_BYTES // 256) + bytes(ANSWER_BYTES % 256)
    blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
    turn = {"role": "model", "parts": [{"inlineData": blob}]}
    return json.dumps({"serverContent": {"modelTurn": turn}}, indent=2).encode() + b"\n"


class Socket:
    """In place of the SDK's socket: gives one message again and again, and keeps the last."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.sent: str | bytes = b""

    async def recv(self, *, decode: bool) -> bytes:
        return self.message

    async def send(self, message: str | bytes) -> None:
        self.sent = message


def sdk_session(socket: Socket) -> AsyncSession:
    """A session of the SDK, as its `connect` makes it once the setup is accepted."""
    client = genai.Client(api_key="none", http_options={"api_version": "v1beta"})
    return AsyncSession(api_client=client._api_client, websocket=cast(Any, socket))  # noqa: SLF001


@dataclass
class Contest:
    """One job, done by several; each way to do it gives microseconds for one message."""

    name: str
    ways: dict[str, Callable[[], float]]
    times: dict[str, list[float]] = field(default_factory=dict)

    def round(self, number: int) -> None:
        """Everybody once; who begins changes with the number."""
        ways = list(self.ways.items())
        turn = number % len(ways)
        for way, run in ways[turn:] + ways[:turn]:
            self.times.setdefault(way, []).append(run())

    def lines(self) -> list[str]:
        """Rows of a table: the job, the way, its median, how many times faster than the last."""
        medians = {way: statistics.median(times) for way, times in self.times.items()}
        slowest = medians[list(self.ways)[-1]]
        return [
            f"| {self.name} | {way} | {median:.2f} | {slowest / median:.1f} |"
            for way, median in medians.items()
        ]


def timed(call: Callable[[], object], repeats: int) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - began) / repeats * 1e6

    return run


def receiving(repeats: int) -> Contest:
    """Reading one audio message: typed, with the sound as bytes."""
    message = answer()
    session = Session(SessionConfig(model="gemini-3.8-live"), Endpoint.developer())
    session.opened(0.0)
    session.receive(b'{"setupComplete":{}}', 0.0)
    official = sdk_session(Socket(message))
    return Contest(
        f"read {len(message) / 1000:.1f} KB of audio",
        {
            "live.wire.decode": timed(lambda: decode(message), repeats),
            "live.Session.receive, to events": timed(
                lambda: session.receive(message, 0.0), repeats
            ),
            "google-genai": timed(lambda: finish(official._receive()), repeats),  # noqa: SLF001
        },
    )


def sending(repeats: int) -> Contest:
    """Writing 100 ms of sound."""
    pcm = bytes(range(256)) * (CHUNK_BYTES // 256) + bytes(CHUNK_BYTES % 256)
    official = sdk_session(Socket(b""))

    def send() -> None:
        blob = types.Blob(data=pcm, mime_type=f"audio/pcm;rate={INPUT_RATE}")
        finish(official.send_realtime_input(audio=blob))

    return Contest(
        "write 100 ms of audio",
        {
            "live.wire.encode_audio": timed(lambda: encode_audio(pcm, INPUT_RATE), repeats),
            "google-genai": timed(send, repeats),
        },
    )


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing, without the cost of an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError("It waits for something.")


def measure(rounds: int, repeats: int) -> list[str]:
    """The table's lines."""
    contests = [receiving(repeats), sending(repeats)]
    for number in range(rounds):
        for contest in contests:
            contest.round(number)
    head = ["| job | by | µs | times faster |", "|---|---|---:|---:|"]
    return head + [line for contest in contests for line in contest.lines()]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="messages in a round")
    options = parser.parse_args(arguments)
    print(f"google-genai {importlib.metadata.version('google-genai')}, medians")
    print("\n".join(measure(options.rounds, options.repeats)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
