"""A stage for conversations: an agent whose tenant talks to a real simulator."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from django.db import connections

from accounts.api_keys import create_api_key
from accounts.credentials import set_secret
from accounts.database import close_database_threads, in_database
from accounts.models import Credential, Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, Conversation, Lease
from live.simulator import Pace, Simulator
from tests.cast import Cast
from tests.conversations.talks import make_agent


@dataclass(frozen=True)
class Stage:
    """`agent` of tenant acme answers through `simulator`; `key` may talk to it."""

    cast: Cast
    simulator: Simulator
    agent: Agent
    key: str

    async def new_conversation(self) -> Conversation:
        """Make one that nobody hosts yet."""
        return await in_database(make_conversation, self.agent)


@pytest.fixture
def all_tenants() -> Iterator[None]:
    """A scope as tasks and workers have it: every tenant's rows."""
    with platform_scope("test"):
        yield


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return make_agent(cast.acme.tenant)


@pytest.fixture
async def stage(shared_cast: Cast, simulator: Simulator) -> AsyncIterator[Stage]:
    tenant = shared_cast.acme.tenant
    simulator.pace = Pace(
        playback=0.2
    )  # nobody listens: no turn needs to last as long as its sound
    agent, key = await asyncio.to_thread(set_up, tenant, simulator.url, simulator.api_key)
    yield Stage(shared_cast, simulator, agent, key)
    await asyncio.to_thread(close_database_threads)


def set_up(tenant: Tenant, url: str, gemini_key: str) -> tuple[Agent, str]:
    try:
        with tenant_scope(tenant.pk):
            agent = Agent.objects.create(slug="shop", name="Shop assistant", prompt="Be brief.")
            credential = Credential(
                tenant=tenant,
                name="simulator",
                kind=Credential.Kind.API_KEY,
                endpoint=Credential.Endpoint.DEVELOPER,
                base_url=url,
                is_primary=True,
            )
            set_secret(credential, gemini_key)
            credential.state = Credential.State.ACTIVE
            credential.save()
        _, key = create_api_key(tenant, "talker", ["read", "talk"])
        return agent, key
    finally:
        connections.close_all()


def make_conversation(agent: Agent) -> Conversation:
    with tenant_scope(agent.tenant_id):
        conversation = Conversation.objects.create(agent=agent)
        Lease.objects.create(conversation=conversation)
        return conversation
