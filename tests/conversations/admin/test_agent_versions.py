"""Drafts, publishing and going back, as an editor does them in the admin."""

import pytest
from django.test import Client

from accounts.tenancy import platform_scope
from conversations.admin.agents import DRAFT
from conversations.models import Agent
from tests.accounts.admin.desk import audited
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db
FIELDS = {
    "slug": "shop",
    "name": "Shop",
    "model": "gemini-3.8-live",
    "voice": "Kore",
    "modality": "AUDIO",
    "recording": "off",
    **{
        f"{prefix}-{name}": "0"
        for prefix in ("tools", "tool_servers")
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    },
}


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return make_agent(cast.acme.tenant)


@pytest.fixture
def developer(cast: Cast) -> Client:
    return signed_in(cast.acme.developer)


def address(agent: Agent, below: str = "change") -> str:
    return f"/admin/conversations/agent/{agent.pk}/{below}/"


def prompt_of(agent: Agent) -> str:
    with platform_scope("test"):
        return str(Agent.objects.get(pk=agent.pk).prompt)


def test_a_draft_is_kept_shown_tried_and_published(agent: Agent, developer: Client) -> None:
    fields = {**FIELDS, "prompt": "Be kind.", "name": "The shop"}
    assert developer.post(address(agent), fields).status_code == 302
    assert prompt_of(agent) == "Be kind."
    fields |= {"prompt": "Be kind.\nBe brief.", "name": "Our shop", DRAFT: ""}
    answer = developer.post(address(agent), fields, follow=True)
    assert "nobody talks to it until it is published" in answer.text
    assert "Be brief.</textarea>" in answer.text, "the form goes on with the draft"
    assert "people talk to version 2" in answer.text
    assert f'href="/talk/{agent.pk}/?draft"' in answer.text
    assert prompt_of(agent) == "Be kind."
    with platform_scope("test"):
        assert Agent.objects.get(pk=agent.pk).name == "Our shop", "what has no versions holds"
    talk = developer.get(f"/talk/{agent.pk}/?draft").text
    assert '"draft": true' in talk
    assert 'data-testid="draft"' in talk
    page = developer.get(address(agent, "versions")).text
    assert "<ins>Be brief.</ins>" in page
    assert "<span>Be kind.</span>" in page
    assert developer.post(address(agent, "versions/3/publish")).status_code == 302
    assert prompt_of(agent) == "Be kind.\nBe brief."
    assert audited()[-2:] == ["agent.draft-saved", "agent.published"]


def test_going_back_and_dropping(agent: Agent, developer: Client) -> None:
    developer.post(address(agent), {**FIELDS, "prompt": "one"})
    developer.post(address(agent), {**FIELDS, "prompt": "two"})
    told = developer.post(address(agent, "versions/2/publish"), follow=True).text
    assert "What version 2 says is published, as version 4." in told
    assert prompt_of(agent) == "one"
    developer.post(address(agent), {**FIELDS, "prompt": "three", DRAFT: ""})
    assert "dropped" in developer.post(address(agent, "versions/5/drop"), follow=True).text
    assert (
        "There is no draft" in developer.post(address(agent, "versions/5/drop"), follow=True).text
    )
    assert '"draft": false' in developer.get(f"/talk/{agent.pk}/?draft").text


def test_a_reviewer_only_reads(agent: Agent, developer: Client, cast: Cast) -> None:
    developer.post(address(agent), {**FIELDS, "prompt": "one", DRAFT: ""})
    reviewer = signed_in(cast.acme.reviewer)
    page = reviewer.get(address(agent, "versions")).text
    assert "Version 2" in page
    assert "Publish" not in page.replace("Published", "")
    assert reviewer.post(address(agent, "versions/2/publish")).status_code == 403
    assert '"draft": false' in reviewer.get(f"/talk/{agent.pk}/?draft").text


def test_another_tenants_agent_is_not_there(developer: Client, cast: Cast) -> None:
    other = make_agent(cast.globex.tenant, "other")
    assert developer.get(address(other, "versions")).status_code == 404
    assert developer.post(address(other, "versions/1/publish")).status_code == 404
