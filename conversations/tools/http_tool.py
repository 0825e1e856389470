"""HTTP tools: one call is one signed request to a server of the tenant's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPMethod, HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlencode

from conversations.states import CallState
from conversations.tools.answers import compact, read_answer, shortened
from conversations.tools.egress import Egress, Unreachable, host_of
from conversations.tools.exchange import Answer, Broken, Request, ask
from conversations.tools.outcomes import Call, CallFailed, Outcome
from conversations.tools.retrying import PASSING, pause_s
from conversations.tools.signing import message_id, signed_headers

MOST_BYTES = 64 * 1024
IN_QUERY = frozenset({HTTPMethod.GET, HTTPMethod.DELETE})


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Sent:
    """One try: what was asked, and what came back."""

    request: Request
    answer: Answer


@dataclass(frozen=True, slots=True)
class HttpTool:
    """A tool of one address. `headers` and `secrets` (the primary first) are secret."""

    method: str
    url: str
    timeout_s: float
    egress: Egress = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    clock: Callable[[], datetime] = now

    async def run(self, call: Call) -> Outcome:
        """Make the call; the same again while that is safe and there is time.

        Raises CallFailed.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        sent = await self.send(call)
        return outcome_of(sent, loop.time() - began)

    async def send(self, call: Call) -> Sent:
        """The last of the tries. Raises CallFailed when there was no answer at all."""
        target = self.egress.check(self.url)
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.timeout_s
        tries = 0
        while True:
            tries += 1
            answered, failure = await self._try(self.request(call, target))
            after = answered.answer.headers.get("retry-after", "") if answered else ""
            passing = answered is None or answered.answer.status in PASSING
            wait = pause_s(tries, ends - loop.time(), after, self.clock()) if passing else None
            if wait is None:
                return _last(answered, failure)
            await asyncio.sleep(wait)

    async def _try(self, request: Request) -> tuple[Sent | None, CallFailed | None]:
        try:
            return Sent(request, await ask(self.egress, request, MOST_BYTES)), None
        except (Unreachable, Broken) as failure:
            return None, failure

    def request(self, call: Call, target: SplitResult) -> Request:
        """What is sent for a call now."""
        identifier = message_id(call.key)
        in_query = self.method in IN_QUERY
        if in_query:
            target = with_query(target, call.args)
        body = b"" if in_query else compact(call.args)
        # A GET has no body: what the arguments are in is what is signed.
        signed = target.query.encode() if in_query else body
        headers = {
            **self.headers,
            "Accept": "application/json, text/*;q=0.5",
            **({} if in_query else {"Content-Type": "application/json"}),
            "Idempotency-Key": identifier,
            "Parley-Tool": call.name,
            **({"Parley-Conversation": call.conversation} if call.conversation else {}),
            **signed_headers(self.secrets, identifier, int(self.clock().timestamp()), signed),
        }
        return Request(self.method, target, headers, body)


def with_query(target: SplitResult, args: Mapping[str, Any]) -> SplitResult:
    """The address with the arguments in its query, after what stands there already."""
    pairs = [
        (name, _plain(value))
        for name, values in args.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    query = "&".join(filter(None, [target.query, urlencode(pairs, errors="replace")]))
    return SplitResult(target.scheme, target.netloc, target.path, query, "")


def outcome_of(sent: Sent, took_s: float) -> Outcome:
    """What the model is told of an answer. Raises CallFailed for one that is no success."""
    status, host = sent.answer.status, host_of(sent.request.target)
    said = f"{sent.request.method} {host}: {status} in {took_s:.2f} s"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        response = read_answer(sent.answer)
        size = f"{len(sent.answer.body):,} bytes"
        return Outcome(response, CallState.SUCCEEDED, f"{said}, {size}.")
    if status < HTTPStatus.BAD_REQUEST:
        summary = f"{said}: a redirect, which is not followed. Enter the address it leads to."
        raise CallFailed("redirected", "The tool's server did not answer.", summary=summary)
    raise CallFailed(
        f"http_{status}",
        f"The tool's server answered with the error {status}.",
        summary=f"{said}.",
        body=shortened(sent.answer),
    )


def _last(answered: Sent | None, failure: CallFailed | None) -> Sent:
    if answered is not None:
        return answered
    assert failure is not None  # noqa: S101 - a try has the one or the other
    raise failure


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else compact(value).decode()
