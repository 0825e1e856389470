"""The load: N sessions that send a chunk of 100 ms ten times a second, and what it measured.

The order of one run: the sessions open, ten at a time; they warm up; the window opens; it
closes before the books are read again, which would hold up the generator; the sessions end.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.accounting import Meter, Reading
from benchmarks.sessions import Session, SessionFailed, Target, clock
from benchmarks.tally import Counted, Track, count

CHUNK_S = 0.1
# Every so often each session types a line: that is a turn of the user's and one of the
# agent's to be shown and stored, about as many events as running captions make.
LINE_S = 2.0
OPENING_TOGETHER = 10
WARM_UP_S = 1.5
# Between the end of the window and the reading of the books: answers on their way.
GRACE_S = 0.2
# How long late chunks may take before they count as lost.
LATE_S = 2.0
LOOK_S = 0.02


@dataclass(frozen=True)
class Load:
    """What one run gave."""

    counted: Counted
    lines: int
    complaints: Sequence[str]
    opened: Reading  # when the window opened
    closed: Reading  # shortly after it closed


async def drive(target: Target, meter: Meter, *, sessions: int, seconds: float) -> Load:
    """Put the load on `target`. Raises SessionFailed when sessions do not open."""
    running = [target.session(Track(number)) for number in range(sessions)]
    try:
        await _open(running)
        with _no_collection():
            load = await _measure(running, meter, seconds)
    finally:
        await _in_tens([session.close() for session in running])
    return load


async def visit(target: Target) -> None:
    """Hold one short session, so that whatever is made once is made. Raises SessionFailed."""
    session = target.session(Track(0))
    await _open([session])
    try:
        now = clock()
        await Talk(session, now, now + 5 * CHUNK_S).run()
    finally:
        await session.close()


async def _open(sessions: Sequence[Session]) -> None:
    await _in_tens([session.open() for session in sessions])


async def _in_tens(works: Sequence[Awaitable[None]]) -> None:
    """Await all of them, ten at a time. Raises the first failure, after all are done."""
    turnstile = asyncio.Semaphore(OPENING_TOGETHER)

    async def one(work: Awaitable[None]) -> None:
        async with turnstile:
            await work

    results = await asyncio.gather(*(one(work) for work in works), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _measure(sessions: Sequence[Session], meter: Meter, seconds: float) -> Load:
    start = clock()
    until = start + WARM_UP_S + seconds + GRACE_S + 3 * CHUNK_S
    talks = [
        Talk(session, start + CHUNK_S * number / len(sessions), until)
        for number, session in enumerate(sessions)
    ]
    talking = [asyncio.create_task(talk.run(), name="session talk") for talk in talks]
    await asyncio.sleep(WARM_UP_S)
    opened = meter.read()
    window = clock()
    await asyncio.sleep(seconds)
    window_end = clock()
    await asyncio.sleep(GRACE_S)
    closed = meter.read()
    failures = await asyncio.gather(*talking)
    tracks = [session.track for session in sessions]
    await _until_complete(tracks)
    complaints = [text for session in sessions for text in session.complaints]
    return Load(
        counted=count(tracks, window, window_end),
        lines=sum(talk.lines for talk in talks),
        complaints=[*(text for text in failures if text), *complaints],
        opened=opened,
        closed=closed,
    )


class Talk:
    """Keeps one session talking from `start` until `until` (seconds of `clock`)."""

    def __init__(self, session: Session, start: float, until: float) -> None:
        self.lines = 0
        self._session = session
        self._start = start
        self._until = until

    async def run(self) -> str:
        """Return an empty string, or what went wrong."""
        due = self._start
        # Spread over the sessions, as people's sentences are.
        line_due = due + LINE_S * (self._session.track.session * 0.618 % 1)
        try:
            while due < self._until:
                await asyncio.sleep(max(0.0, due - clock()))
                await self._session.speak()
                if due >= line_due and due < self._until - LINE_S / 2:
                    self.lines += 1
                    line_due += LINE_S
                    await self._session.type_line(self.lines)
                due += CHUNK_S
        except SessionFailed as failure:
            return str(failure)
        return ""


async def _until_complete(tracks: Sequence[Track]) -> None:
    """Wait for the last answers, as long as late ones may take."""
    deadline = clock() + LATE_S
    # An event for each chunk would cost more than these looks.
    while clock() < deadline and not all(track.is_complete for track in tracks):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)


@contextmanager
def _no_collection() -> Iterator[None]:
    """The generator's own garbage collection is not to be measured."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
