"""Takes segments from the event loop to the storage, on one thread for all of a worker.

Nobody ever waits for it but who lets a conversation go. Segments wait in a queue of at most
`QUEUE_BYTES`; what comes when it is full is lost, and a row says so as soon as rows are written
again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Final

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from conversations.recordings.storing import Stored, Whose, store_file, store_rows
from conversations.recordings.tape import Keep, Segment
from conversations.states import Speaker

log = logging.getLogger(__name__)

# About 100 conversations whose both sides speak for 4 s.
QUEUE_BYTES: Final = 32 * 1024 * 1024
# Rows that are written in one transaction.
BATCH: Final = 32
RETRY_S: Final = 1.0

StoreFile = Callable[[Whose, Segment], Stored]
Job = tuple[Whose, Segment] | Future[None]


class Recorder:
    """A worker's one. `keep_for` gives what a conversation's tape hands its segments to."""

    def __init__(self, *, queue_bytes: int = QUEUE_BYTES, store: StoreFile = store_file) -> None:
        self._most = queue_bytes
        self._store_file = store
        self._jobs: deque[Job] = deque()
        self._lost: dict[tuple[Whose, Speaker], Segment] = {}
        self.waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_for(self, whose: Whose) -> Keep:
        return partial(self.keep, whose)

    def keep(self, whose: Whose, segment: Segment) -> None:
        """Take a segment, or note that it is lost. Never waits."""
        with self._changed:
            if self.waiting_bytes + len(segment.pcm) > self._most:
                self._note_lost(whose, segment)
            else:
                self.waiting_bytes += len(segment.pcm)
                self._jobs.append((whose, segment))
            self._work()

    async def finished(self, within_s: float) -> bool:
        """Wait until all that was kept so far is stored. False if that took too long."""
        if self._thread is None:
            return True
        done: Future[None] = Future()
        with self._changed:
            self._jobs.append(done)
            self._work()
        try:
            async with asyncio.timeout(within_s):
                await asyncio.wrap_future(done)
        except TimeoutError:
            log.warning("recordings wait for the storage")
            return False
        return True

    def close(self) -> None:
        """Stop. What is not stored is lost."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()

    # --- the queue --------------------------------------------------------------------

    def _note_lost(self, whose: Whose, segment: Segment) -> None:
        """One note for all that is lost in a row: notes have a bound as well."""
        first = self._lost.get((whose, segment.side), segment)
        length_ms = segment.start_ms + segment.length_ms - first.start_ms
        note = replace(first, pcm=b"", length_ms=length_ms, lost_ms=length_ms)
        self._lost[whose, segment.side] = note

    def _work(self) -> None:
        """Wake the thread; most workers record nothing and never have one."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _next(self) -> list[Job]:
        """Wait for something to do; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._lost or self._closing.is_set())
            jobs = [self._jobs.popleft() for _ in range(min(BATCH, len(self._jobs)))]
            jobs += [(whose, note) for (whose, _), note in self._lost.items()]
            self._lost.clear()
            return [] if self._closing.is_set() else jobs

    # --- the thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while jobs := self._next():
                self._do(jobs)
        finally:
            connections.close_all()

    def _do(self, jobs: list[Job]) -> None:
        stored: list[Stored] = []
        for job in jobs:
            if isinstance(job, Future):
                self._write(stored)
                stored = []
                if job.set_running_or_notify_cancel():
                    job.set_result(None)
            else:
                self._store(*job, stored)
        self._write(stored)

    def _store(self, whose: Whose, segment: Segment, stored: list[Stored]) -> None:
        def store() -> None:
            stored.append(self._store_file(whose, segment))

        try:
            self._insist(store)
        except Exception as error:  # noqa: BLE001 - one segment must not take all others along
            log.warning("a recording cannot be stored: %s", type(error).__name__)
            with self._changed:
                self._note_lost(whose, segment)
        finally:
            with self._changed:
                self.waiting_bytes -= len(segment.pcm)

    def _write(self, stored: list[Stored]) -> None:
        """Write the rows; what one conversation's spoil must not keep the others'."""
        if not stored:
            return
        close_old_connections()
        try:
            self._insist(partial(store_rows, stored))
        except DatabaseError as error:
            if len(stored) == 1:
                log.warning("a recording has no row: %s", type(error).__name__)
                return
            for one in stored:
                self._write([one])

    def _insist(self, act: Callable[[], None]) -> None:
        """Do it, again and again if need be, until the worker closes."""
        while not self._closing.is_set():
            try:
                act()
            except (OSError, OperationalError, InterfaceError) as error:
                log.warning("a recording is not stored, trying again: %s", type(error).__name__)
                close_old_connections()
                self._closing.wait(RETRY_S)
            else:
                return
