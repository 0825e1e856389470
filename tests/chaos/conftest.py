"""A fleet with a tenant of its own, in a database that everybody sees.

PostgreSQL is restarted under these tests: they ask it in threads only, and never hold a
connection of their own.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from accounts.database import close_database_threads
from tests.cast import make_cast
from tests.chaos.fleet import Fleet, fleet
from tests.chaos.pages import Entrance
from tests.chaos.scene import entrance_to
from tests.children import Children
from tests.conversations.conftest import set_up

if TYPE_CHECKING:
    from conversations.models import Agent

Deployment = tuple[Fleet, Entrance]
Deploy = Callable[..., AbstractAsyncContextManager[Deployment]]


@pytest.fixture
def deploy(shared_database: None, spawn: Children, tmp_path: Path) -> Deploy:
    """Start a fleet: `async with deploy(webs=2, workers=2) as (fleet, entrance)`."""

    @asynccontextmanager
    async def deployed(*, webs: int = 2, workers: int = 2) -> AsyncIterator[Deployment]:
        async with fleet(spawn, tmp_path, webs=webs, workers=workers) as running:
            url = f"http://{running.model.place}"
            agent, key = await in_thread(lambda: new_tenant(url, running.simulator.api_key))
            yield running, entrance_to(running, agent, key)
        await asyncio.to_thread(close_database_threads)

    return deployed


async def in_thread(work: Callable[[], tuple[Agent, str]]) -> tuple[Agent, str]:
    """In a thread that ends: nothing keeps its connection."""
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.wrap_future(thread.submit(work))


def new_tenant(url: str, gemini_key: str) -> tuple[Agent, str]:
    try:
        cast = make_cast(f"-{uuid.uuid4().hex[:12]}")
    finally:
        connections.close_all()
    return set_up(cast.acme.tenant, url, gemini_key)
