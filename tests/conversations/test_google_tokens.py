"""Tokens of Google's own, made with the tenant's credential: the simulator is Google here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

import live
from accounts.callers import Caller, EndUser
from accounts.credentials import CredentialUnusable
from accounts.database import in_database
from accounts.models import Credential
from accounts.tenancy import tenant_scope
from conversations.access_tokens import Wanted
from conversations.google_tokens import Minted, NoDeveloperCredential, mint_google, page_tools
from conversations.models import AccessToken, Agent, AgentTool
from tests.cast import Cast
from tests.conversations.talks import make_agent

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage


def minted(agent: Agent, is_test: bool = False) -> Minted:
    caller = Caller(agent.tenant_id, api_key_id=agent.tenant_id, is_test=is_test)
    wanted = Wanted(
        agent=agent, uses=2, expires_at=timezone.now() + timedelta(hours=1), end_user=EndUser("u-1")
    )
    with tenant_scope(agent.tenant_id):
        Agent.objects.filter(pk=agent.pk).update(prompt="Be brief.", voice="Puck")
        return mint_google(caller, Agent.objects.get(pk=agent.pk), wanted, timezone.now())


def rows(agent: Agent) -> list[AccessToken]:
    with tenant_scope(agent.tenant_id):
        return list(AccessToken.objects.all())


async def test_a_browser_talks_to_google_as_the_agent(stage: Stage) -> None:
    made = await in_database(minted, stage.agent)
    assert made.text.startswith("auth_tokens/")
    assert made.text not in repr(made)
    assert (made.api_version, made.model) == ("v1alpha", "gemini-3.8-live")
    [row] = await in_database(rows, stage.agent)
    assert (row.kind, row.uses, row.end_user) == (AccessToken.Kind.GOOGLE, 2, "u-1")
    assert (row.prefix, row.hash, row.last_four) == ("", "", "")
    fixed = stage.simulator.auth_tokens.find(made.text).constraints
    assert fixed.setup is not None
    assert not fixed.locked, "all of it is the agent's"
    assert "Be brief." in str(fixed.setup["system_instruction"])
    assert "Puck" in str(fixed.setup["generation_config"])
    endpoint, auth = live.Endpoint.developer(made.base_url), live.EphemeralTokenAuth(made.text)
    talk = await live.connect(endpoint, auth, live.SessionConfig(model=made.model, voice="Kore"))
    await talk.close()
    assert stage.simulator.auth_tokens.find(made.text).used == 1


async def test_one_for_tests_is_made_by_a_simulator(stage: Stage) -> None:
    assert (await in_database(minted, stage.agent, True)).token.is_test


def test_vertex_has_no_such_tokens(cast: Cast, keyset_file: object) -> None:
    agent = make_agent(cast.acme.tenant)
    with pytest.raises(NoDeveloperCredential):
        minted(agent)
    with tenant_scope(agent.tenant_id):
        Credential.objects.create(
            name="pending", kind="api_key", endpoint="developer", state=Credential.State.FAILING
        )
    with pytest.raises(CredentialUnusable):
        minted(agent)
    assert rows(agent) == []


def test_only_what_a_page_answers_is_declared(agent: Agent) -> None:
    with tenant_scope(agent.tenant_id):
        assert page_tools(agent) == ()
        AgentTool.objects.create(agent=agent, name="show_map", kind="client")
        AgentTool.objects.create(
            agent=agent, name="look_up", kind="http", url="https://tools.example/"
        )
        [tool] = page_tools(agent)
    assert [each.name for each in tool.function_declarations] == ["show_map"]
