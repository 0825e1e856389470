"""Tools as rows: what is sealed in them, and for how long a secret signs."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.keyset import Unsealable
from accounts.tenancy import TenantMismatch, tenant_scope
from conversations.models import Agent, AgentTool
from tests.cast import Cast
from tests.conversations.talks import make_agent
from tests.conversations.tools.rows import SECRET, make_server, make_tool

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyset_file")]


def test_headers_are_sealed_and_their_names_are_not(agent: Agent) -> None:
    for row in (make_tool(agent), make_server(agent)):
        assert row.header_names == ["Authorization"]
        assert b"sesame" not in bytes(row.sealed_headers)
        assert row.open_headers() == {"Authorization": "Bearer sesame"}
        row.set_headers({})
        assert (row.header_names, row.sealed_headers, row.open_headers()) == ([], b"", {})
        assert row.timeout_s == 10.0


def test_a_secret_signs_until_it_was_replaced_long_enough_ago(agent: Agent) -> None:
    tool, now = make_tool(agent), timezone.now()
    assert tool.open_secrets(now) == (SECRET,)
    tool.set_secret("whsec_bmV3", now + timedelta(days=1))
    assert tool.open_secrets(now) == ("whsec_bmV3", SECRET)
    assert tool.open_secrets(now + timedelta(days=1)) == ("whsec_bmV3",)
    with pytest.raises(Unsealable):
        make_tool(agent, "other", sealed_secret=tool.sealed_secret)


@pytest.mark.parametrize("name", ["", "9a", "a-b", "a b", "é", "a" * 65, "a\n"])
def test_names_that_the_model_could_not_call(agent: Agent, name: str) -> None:
    with tenant_scope(agent.tenant_id), pytest.raises(ValidationError):
        AgentTool(agent=agent, name=name).full_clean(exclude=["tenant", "description"])


def test_a_tool_is_of_its_agent_s_tenant(cast: Cast) -> None:
    other = make_agent(cast.globex.tenant)
    with tenant_scope(cast.acme.tenant.pk), pytest.raises(TenantMismatch):
        AgentTool.objects.create(agent=other, name="stock", description="x")
