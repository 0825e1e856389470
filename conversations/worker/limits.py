"""The limits of a worker's conversations: judged by the hosts' own clocks, looked up together.

Neither waits for the other, and no conversation for either: without the database what was
looked up last holds on, and length and idle time need nobody.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from django.db import Error as DatabaseError

from accounts.database import in_database
from conversations.quotas.running import standings, stop
from conversations.states import EndReason
from conversations.worker.host import SessionHost

log = logging.getLogger(__name__)

JUDGE_S: Final = 0.5
# What was used, and limits that somebody changed, are known so late at the most.
LOOK_UP_S: Final = 5.0


class LimitsWatch:
    """`end` is how a host ends; it comes after the reason is a fact in the database."""

    def __init__(
        self,
        hosts: Callable[[], Collection[SessionHost]],
        end: Callable[[SessionHost, EndReason], None],
    ) -> None:
        self._hosts = hosts
        self._end = end
        self._ending: dict[uuid.UUID, asyncio.Task[None]] = {}

    async def look_up_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_UP_S)
            try:
                await self.look_up()
            except DatabaseError as error:
                log.warning("limits not looked up: %s", type(error).__name__)

    async def look_up(self) -> None:
        """Look up the limits of all hosts in one go. Raises django.db.Error."""
        hosts = {host.case.conversation_id: host for host in self._hosts()}
        if not hosts:
            return
        for conversation_id, standing in (await in_database(standings, list(hosts))).items():
            hosts[conversation_id].know_limits(standing)

    async def judge_forever(self) -> None:
        while True:
            await asyncio.sleep(JUDGE_S)
            self.judge()

    def judge(self) -> None:
        """Let each host warn, and begin the end of those that are due."""
        for host in list(self._hosts()):
            reason = host.mind_limits()
            conversation_id = host.case.conversation_id
            if reason is not None and conversation_id not in self._ending:
                task = asyncio.create_task(self._stop(host, reason), name="end by a limit")
                self._ending[conversation_id] = task
                task.add_done_callback(partial(self._stopped, conversation_id))

    def _stopped(self, conversation_id: uuid.UUID, _: asyncio.Task[None]) -> None:
        del self._ending[conversation_id]

    async def _stop(self, host: SessionHost, reason: EndReason) -> None:
        try:
            agreed = await in_database(stop, host.case.conversation_id, reason)
        except DatabaseError as error:
            log.warning("end by a limit not noted, trying again: %s", type(error).__name__)
            return  # the next judgement comes to the same end
        self._end(host, agreed)
