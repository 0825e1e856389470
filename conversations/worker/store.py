"""Takes what the hosts have said to the database, one transaction at a time.

There is no queue: a host keeps what is not stored (bounded, see `texts.UNSAVED_CHARS`), and
this asks for it. So a database that is slow or down only makes the next batch bigger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

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
# How often the last words of a conversation that leaves are tried.
LAST_TRIES: Final = 10


class Store:
    """A worker's one writer. `lost` is told of hosts whose lease is gone."""

    def __init__(self, lost: Callable[[SessionHost], None]) -> None:
        self._lost = lost
        self._wanted = asyncio.Event()
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
            if not await self._store(hosts()):
                await asyncio.sleep(RETRY_S)

    async def store_last(self, host: SessionHost) -> None:
        """Store what is left of a conversation that leaves this worker."""
        for _ in range(LAST_TRIES):
            if await self._store([host]):
                return
            await asyncio.sleep(RETRY_S)
        log.error("the last words of a conversation were not stored")

    async def _store(self, hosts: Iterable[SessionHost]) -> bool:
        """Store in one transaction. False if the database did not take it."""
        async with self._writing:
            taken = [(host, batch) for host in hosts if (batch := host.take_batch()) is not None]
            return not taken or await self._store_taken(taken)

    async def _store_taken(self, taken: list[tuple[SessionHost, Batch]]) -> bool:
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
        return True

    async def _store_each(
        self, taken: list[tuple[SessionHost, Batch]], error: DatabaseError
    ) -> bool:
        """What one conversation's rows spoil must not keep the others from being stored."""
        if len(taken) == 1 or isinstance(error, OperationalError | InterfaceError):
            for host, _ in taken:
                host.not_stored()
            return False
        return any([await self._store_taken([one]) for one in taken])
