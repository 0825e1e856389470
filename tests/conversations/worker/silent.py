"""A model that nobody reaches, for tests that say themselves what it tells."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import live
from conversations.usage.records import Account

# Whose use it would be.
ACCOUNT = Account(uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), None, "gemini-3.8-live")


async def _never(uri: str, **options: Any) -> Any:
    await asyncio.Event().wait()


def silent(
    history: Callable[[], Sequence[live.Content]], unanswered: Sequence[str]
) -> live.LiveSession:
    """A session that dials for ever."""
    endpoint = live.Endpoint.developer()
    dialer = live.Dialer(endpoint=endpoint, auth=live.ApiKeyAuth("unused"), connector=_never)
    config = live.SessionConfig(model="gemini-3.8-live")
    return live.LiveSession(live.Session(config, endpoint, history=history), dialer)
