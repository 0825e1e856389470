"""`/healthz`: the process lives. `/readyz`: it can take work.

Both answer whatever host name they are asked by: a probe knows the process by its address.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.decorators import sync_and_async_middleware

from accounts.database import in_database

log = logging.getLogger(__name__)

# Probes usually give up after 3 to 5 s; a part that needs longer is not ready anyway.
ANSWER_WITHIN_S = 2.0

# The process is about to end: it lives, and is not to be sent anybody.
is_leaving = False


def select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def database_answers() -> None:
    await in_database(select_one)


async def channel_layer_answers() -> None:
    """Send to a group nobody is in: it needs the layer's answer and leaves nothing behind."""
    layer = get_channel_layer()
    if layer is None:
        raise LookupError("CHANNEL_LAYERS has no default layer")
    await layer.group_send("readyz", {"type": "readyz"})


PARTS: dict[str, Callable[[], Awaitable[None]]] = {
    "database": database_answers,
    "channel_layer": channel_layer_answers,
}


async def answers(name: str, ask: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await ask()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it: the part does not answer
        log.warning("not ready: %s does not answer (%s)", name, type(error).__name__)
        return False
    return True


async def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part answers, else 503; the body names the parts and no addresses. A
    process that drains says 503 at once."""
    if is_leaving:
        return JsonResponse({"status": "leaving", "parts": {}}, status=503)
    ready = await asyncio.gather(*(answers(name, ask) for name, ask in PARTS.items()))
    return JsonResponse(
        {
            "status": "ok" if all(ready) else "unavailable",
            "parts": {
                name: "ok" if part else "unavailable"
                for name, part in zip(PARTS, ready, strict=True)
            },
        },
        status=200 if all(ready) else 503,
    )


PROBES = {"/healthz": healthz, "/readyz": readyz}


@sync_and_async_middleware
def probes_first(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Answer probes before anything looks at the host name, the scheme or who asks."""

    async def answer_async(request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path)
        response: HttpResponseBase = await (probe or get_response)(request)
        return response

    def answer(request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path)
        response: HttpResponseBase = (async_to_sync(probe) if probe else get_response)(request)
        return response

    return answer_async if iscoroutinefunction(get_response) else answer
