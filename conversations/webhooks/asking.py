"""One request to a receiver, through the guarded way that tools go out by, and what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final

from conversations.tools.egress import Egress, host_of
from conversations.tools.exchange import Request, asking, whole
from conversations.tools.outcomes import CallFailed
from conversations.tools.retrying import seconds_asked

TIMEOUT_S: Final = 15.0
# Nobody reads it: it is taken so that the receiver can finish in peace.
MOST_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent, to where. The body holds words."""

    url: str
    egress: Egress = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try. `fault` is "" when it arrived; `summary` is one line for people, without
    anything of the answer. `asked_s`: how long the receiver wants to be left alone, in seconds."""

    summary: str
    took_ms: int = 0
    status: int | None = None
    fault: str = ""
    asked_s: float | None = None

    @property
    def arrived(self) -> bool:
        return not self.fault


async def send(letter: Letter, now: datetime) -> Tried:
    """Send it once. Never raises for what the receiver does."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    status, host, after = 0, "", ""
    failure = CallFailed("timed_out", "", summary=_LATE)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            target = letter.egress.check(letter.url)
            host = host_of(target)
            request = Request("POST", target, letter.headers, letter.body)
            async with asking(letter.egress, request) as stream:
                status, after = stream.status, stream.headers.get("retry-after", "")
                await whole(stream, MOST_BYTES)
    except CallFailed as error:
        failure = error
    except TimeoutError:
        pass  # `failure` says so, unless there is a status
    took_ms = int((loop.time() - began) * 1000)
    if not status:
        return Tried(failure.summary, took_ms, fault=failure.code)
    return answered(status, host, took_ms, seconds_asked(after, now))


_LATE: Final = f"No answer within {TIMEOUT_S:g} s."


def answered(status: int, host: str, took_ms: int, asked_s: float | None) -> Tried:
    """What an answer's status says; its body says nothing."""
    said = f"{host}: {status} in {took_ms / 1000:.2f} s"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Tried(f"{said}.", took_ms, status)
    if status == HTTPStatus.GONE:
        return Tried(f"{said}: it wants no more of them.", took_ms, status, "gone")
    if status < HTTPStatus.BAD_REQUEST:
        told = f"{said}: a redirect, which is not followed. Enter the address it leads to."
        return Tried(told, took_ms, status, "redirected")
    return Tried(f"{said}.", took_ms, status, "refused", asked_s)
