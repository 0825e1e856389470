"""Trying an HTTP tool: one real call, and what people are shown of it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.keyset import KeysetError
from conversations.models import AgentTool
from conversations.tools.answers import Unreadable, read_answer
from conversations.tools.exchange import Answer, Request
from conversations.tools.http_tool import Sent, outcome_of
from conversations.tools.loading import Locked, egress_of, runner_of
from conversations.tools.outcomes import Call, CallFailed, CallTimedOut

HIDDEN = "••••••"
MOST_SHOWN = 20_000


@dataclass(frozen=True, slots=True)
class Trial:
    """`fault` says why the model would be told of an error; "" when it would not."""

    request: str = ""
    status: int | None = None
    took_ms: int = 0
    answer: str = ""
    fault: str = ""
    told: str = ""


def read_arguments(text: str) -> tuple[dict[str, Any], str]:
    """The arguments that were typed, and what is wrong with them, or ""."""
    try:
        found = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        return {}, f"This is no JSON: line {error.lineno}: {error.msg}."
    except RecursionError:
        return {}, "It is nested too deeply."
    return (found, "") if isinstance(found, dict) else ({}, "Arguments are an object: { … }.")


def try_tool(tool: AgentTool, args: Mapping[str, Any]) -> Trial:
    """Call an HTTP tool once, as a conversation would. Run it in a scope that holds the tool."""
    try:
        runner = runner_of(tool, egress_of(tool.tenant_id))
    except KeysetError:
        return Trial(fault=Locked.SUMMARY)
    call = Call(f"try-{uuid.uuid4()}", tool.name, args)
    began = time.monotonic()

    async def send() -> Sent:
        async with asyncio.timeout(tool.timeout_s):
            return await runner.send(call)

    try:
        sent = asyncio.run(send())
    except TimeoutError:
        return _without_answer(CallTimedOut(tool.timeout_s), began)
    except CallFailed as failure:
        return _without_answer(failure, began)
    return _trial(tool, sent, time.monotonic() - began)


def _trial(tool: AgentTool, sent: Sent, took_s: float) -> Trial:
    try:
        outcome = outcome_of(sent, took_s)
        fault = ""
    except CallFailed as failure:
        outcome, fault = failure.outcome(), failure.summary
    return Trial(
        request=shown_request(sent.request, tool.header_names),
        status=sent.answer.status,
        took_ms=int(took_s * 1000),
        answer=_shown_answer(sent.answer),
        fault=fault,
        told=_pretty(outcome.response),
    )


def _without_answer(failure: CallFailed, began: float) -> Trial:
    told = _pretty(failure.outcome().response)
    took_ms = int((time.monotonic() - began) * 1000)
    return Trial(fault=failure.summary, took_ms=took_ms, told=told)


def shown_request(request: Request, secret_names: list[str]) -> str:
    """The request as it went, without the values of what was typed as a header."""
    secret = {name.lower() for name in secret_names}
    lines = [f"{request.method} {request.path}", f"Host: {request.target.netloc}"]
    lines += [
        f"{name}: {HIDDEN if name.lower() in secret else value}"
        for name, value in request.headers.items()
    ]
    if request.body:
        lines += ["", _pretty(json.loads(request.body))]
    return "\n".join(lines)


def _shown_answer(answer: Answer) -> str:
    if not answer.body:
        return ""
    try:
        response = read_answer(answer)
    except Unreadable:
        return answer.body.decode(errors="replace")[:MOST_SHOWN]
    value = response["result"] if set(response) == {"result"} else response
    return value[:MOST_SHOWN] if isinstance(value, str) else _pretty(value)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)[:MOST_SHOWN]
