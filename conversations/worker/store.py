"""Takes what the hosts have said to the database, one transaction at a time.

There is no queue: a host keeps what is not stored (bounded, see `texts.UNSAVED_CHARS`), and
this asks for it. So a database that is slow or down only makes the next batch bigger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from django.db import Error as DatabaseError
from django.db import InterfaceError, InternalError, OperationalError

from accounts.database import in_database
from conversations.transcripts.records import Batch
from conversations.transcripts.writer import write
from conversations.worker.host import SessionHost

log = logging.getLogger(__name__)

# Partials are stored at most this long after they were shown; finished turns at once.
PARTIALS_S: Final = 0.5
# Turns that end together share a transaction: writing is the dearest work of a worker.
GATHER_S: Final = 0.2
RETRY_S: Final = 1.0
# How often the last words of a conversation that leaves are tried, when it is the words that the
# database refuses. While it does not answer, or has no room, they are kept.
LAST_TRIES: Final = 10
# It does not answer, has no room, or only lets read: nothing is wrong with what is to be stored.
AWAY: Final = (OperationalError, InterfaceError, InternalError)


class Store:
    """A worker's one writer. `lost` is told of hosts whose lease is gone."""

    def __init__(self, lost: Callable[[SessionHost], None]) -> None:
        self._lost = lost
        self._wanted = asyncio.Event()
        self._given_up = asyncio.Event()
        self._is_away = False
        self._leaving: set[SessionHost] = set()
        self._writing = asyncio.Lock()

    def wants_write(self) -> None:
        """A turn has ended: do not wait for the next round."""
        self._wanted.set()

    async def run(self, hosts: Callable[[], Iterable[SessionHost]]) -> None:
        """Store for ever what `hosts()` have."""
        while True:
            try:
                async with asyncio.timeout(PARTIALS_S):
                    await self._wanted.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._wanted.clear()
            if await self._store(hosts()) and self._is_away:
                await asyncio.sleep(RETRY_S)

    def give_up(self) -> None:
        """The process ends now: what the database has not taken by then is lost."""
        self._given_up.set()

    async def store_last(self, host: SessionHost) -> None:
        """Store what is left of a conversation that leaves this worker; those that leave at the
        same time share a transaction. Waits for a database that is away."""
        self._leaving.add(host)
        try:
            tries = 0
            while tries < LAST_TRIES and not self._given_up.is_set():
                if host not in await self._store(self._leaving):
                    return
                tries += not self._is_away
                await self._retry_pause()
        finally:
            self._leaving.discard(host)
        log.error("the last words of a conversation were not stored")

    async def _retry_pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self._given_up.wait()

    async def _store(self, hosts: Iterable[SessionHost]) -> set[SessionHost]:
        """Store in one transaction. Returns those whose words the database did not take."""
        async with self._writing:
            some = list(hosts)
            taken = [(host, batch) for host in some if (batch := host.take_batch()) is not None]
            return await self._store_taken(taken) if taken else set()

    async def _store_taken(self, taken: list[tuple[SessionHost, Batch]]) -> set[SessionHost]:
        try:
            outcomes = await in_database(write, [batch for _, batch in taken])
        except DatabaseError as error:
            log.warning("turns not stored, trying again: %s", type(error).__name__)
            return await self._store_each(taken, error)
        for (host, _), outcome in zip(taken, outcomes, strict=True):
            if outcome.fenced:
                self._lost(host)
            else:
                host.stored(outcome)
        return set()

    async def _store_each(
        self, taken: list[tuple[SessionHost, Batch]], error: DatabaseError
    ) -> set[SessionHost]:
        """What one conversation's rows spoil must not keep the others from being stored."""
        self._is_away = isinstance(error, AWAY)
        if len(taken) == 1 or self._is_away:
            for host, _ in taken:
                host.not_stored()
            return {host for host, _ in taken}
        return set().union(*[await self._store_taken([one]) for one in taken])
