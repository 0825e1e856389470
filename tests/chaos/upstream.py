"""The simulator as a process that tells what each session received, and takes orders.

`python -m tests.chaos.upstream` speaks lines of JSON: orders come in on its standard input,
notes (`Note`) go out on its standard output. It ends when its input does.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from live.simulator import Pace, Script, Simulator
from live.simulator.conversation import Conversation
from live.simulator.fields import Fields
from live.simulator.hearing import Ended
from live.simulator.scenario import Do, Step
from live.simulator.scripted import Scripted
from live.simulator.sessions import Session
from live.simulator.setup import Setup, content_text
from live.simulator.talk import Talk
from tests.services import ROOT

# Nobody listens: what is said in seconds is sent in tenths of them.
PACE: Final = Pace(setup=0.05, hearing=0.1, thinking=0.1, speed=20.0, playback=0.1)
LOOK_S: Final = 0.2
LINE_BYTES: Final = 16 * 1024 * 1024


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    url: str
    api_key: str


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A connection begins; `resumed`: it goes on with an older one's session."""

    connection: int
    session: str
    resumed: bool


class Received(msgspec.Struct, frozen=True, tag="received"):
    """Words of the user: `told` are those of a history, the others typed or spoken."""

    connection: int
    text: str
    told: bool = False


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    connection: int


Note = Ready | Opened | Received | Closed
note_decoder: msgspec.json.Decoder[Note] = msgspec.json.Decoder(Note)


class Order(msgspec.Struct, frozen=True):
    """`do`: to every open connection, now. `script`: for the next `connections`."""

    do: Do | None = None
    script: Script | None = None
    connections: int = 0


def tell(note: Note) -> None:
    sys.stdout.write(msgspec.json.encode(note).decode() + "\n")
    sys.stdout.flush()


class Witnessed(Conversation):
    """A conversation that tells what it hears and says."""

    number = 0

    def _typed(self, text: str, now: float) -> None:
        tell(Received(self.number, text))
        super()._typed(text, now)

    def _client_content(self, fields: Fields, now: float) -> None:
        for turn in fields.get("turns", []):
            if (turn.get("role") or "user") == "user":
                tell(Received(self.number, content_text(turn), told=True))
        super()._client_content(fields, now)

    def _remember_heard(self, heard: Ended) -> str:
        text = super()._remember_heard(heard)
        if text:
            tell(Received(self.number, text))
        return text


class Ordered(Scripted):
    """A talk that does what it is told from outside, within `LOOK_S`."""

    def __init__(self, talk: Talk, script: Script, *, resumes: bool) -> None:
        super().__init__(talk, script, resumes=resumes)
        self.number = 0

    def order(self, do: Do, now: float) -> None:
        self._due.append((now, Step(do=do)))

    def due(self) -> float:
        return min(super().due(), time.monotonic() + LOOK_S)


class Observed(Simulator):
    """A simulator that tells, and takes orders."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._numbers = itertools.count(1)
        self._open: set[Ordered] = set()

    def take(self, order: Order) -> None:
        if order.script is not None:
            self._playbill.clear()
            self.script(order.script, order.connections)
        if order.do is not None:
            for talk in self._open:
                talk.order(order.do, time.monotonic())

    def _new_talk(self, setup: Setup, session: Session, script: Script) -> Ordered:
        talk = Witnessed(
            setup, self.pace, session, self.sessions, epoch=self._epoch, seed=self._seed
        )
        ordered = Ordered(talk, script, resumes=bool(setup.handle))
        talk.number = ordered.number = next(self._numbers)
        self._open.add(ordered)
        tell(Opened(ordered.number, session.session_id, bool(setup.handle)))
        return ordered

    def _end(self, talk: Talk | Scripted, session: Session, *, vanished: bool) -> None:
        super()._end(talk, session, vanished=vanished)
        if isinstance(talk, Ordered):
            self._open.discard(talk)
            tell(Closed(talk.number))


async def serve() -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    async with Observed(pace=PACE) as simulator:
        tell(Ready(simulator.url, simulator.api_key))
        while line := await orders.readline():
            simulator.take(msgspec.json.decode(line, type=Order))


# --- the other end of the pipe ---------------------------------------------------------------


class Upstream:
    """The process, as the suite sees it. `open`: its connections, by their numbers."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Ready) -> None:
        self.url = ready.url
        self.api_key = ready.api_key
        self.pid = process.pid
        self.open: dict[int, Opened] = {}
        self._heard: list[Received] = []
        self._process = process

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def order(self, order: Order) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the simulator has no pipe")
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    def hand_over(self, name: str) -> list[Received]:
        """Everything received with this name in it, in order; it is forgotten here."""
        mine = [note for note in self._heard if name in note.text]
        self._heard = [note for note in self._heard if name not in note.text]
        return mine

    async def listen(self) -> None:
        while line := await _line(self._process):
            match note_decoder.decode(line):
                case Opened() as opened:
                    self.open[opened.connection] = opened
                case Closed(connection=number):
                    self.open.pop(number, None)
                case Received() as received:
                    self._heard.append(received)


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Run the simulator in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.upstream",
        cwd=ROOT,
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    listening: asyncio.Task[None] | None = None
    try:
        ready = note_decoder.decode(await _line(process))
        if not isinstance(ready, Ready):
            raise RuntimeError("the simulator did not say where it serves")  # noqa: TRY004
        running = Upstream(process, ready)
        listening = asyncio.create_task(running.listen(), name="simulator's notes")
        yield running
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
        if listening is not None:
            await listening


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}


async def _line(process: asyncio.subprocess.Process) -> bytes:
    if process.stdout is None:
        raise RuntimeError("the simulator has no pipe")
    return await process.stdout.readline()


if __name__ == "__main__":
    asyncio.run(serve())
