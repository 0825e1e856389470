"""Versions of an agent: drafts, publishing, going back, and what differs."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.tenancy import tenant_scope
from conversations.models import Agent, AgentVersion
from conversations.versions import (
    Difference,
    Line,
    as_talked_to,
    content_of,
    differences,
    draft_of,
    drop_draft,
    publish,
    published_version,
    save_draft,
    session_config,
)
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.usefixtures("all_tenants")

NOW = timezone.now()


def told(prompt: str) -> dict[str, str]:
    return {"prompt": prompt, "model": "m", "voice": "Kore", "modality": "AUDIO"}


def states(agent: Agent) -> list[tuple[int, str]]:
    return list(agent.versions.values_list("number", "state"))


def stored(agent: Agent) -> Agent:
    row: Agent = Agent.objects.get(pk=agent.pk)
    return row


def test_what_is_published_is_made_once(agent: Agent) -> None:
    version = published_version(agent, NOW)
    assert (version.number, version.content) == (1, content_of(agent))
    assert published_version(stored(agent), NOW) == version
    Agent.objects.filter(pk=agent.pk).update(prompt="Written past the versions.")
    later = published_version(stored(agent), NOW)
    assert (later.number, later.content["prompt"]) == (2, "Written past the versions.")


def test_a_draft_is_nobodys_agent_until_it_is_published(agent: Agent, cast: Cast) -> None:
    by = cast.acme.developer
    draft = save_draft(agent, told("Be funny."), by, NOW)
    assert (draft.number, draft.created_by) == (2, by)
    assert draft_of(agent) == draft
    assert stored(agent).prompt != "Be funny."
    published = publish(stored(agent), draft.content, by, NOW)
    assert published == draft
    assert stored(agent).prompt == "Be funny."
    assert draft_of(agent) is None
    assert states(agent) == [(2, "published"), (1, "published")]


def test_another_draft_takes_the_place_of_the_first(agent: Agent) -> None:
    save_draft(agent, told("one"), None, NOW)
    newest = save_draft(agent, told("two"), None, NOW)
    assert draft_of(agent) == newest
    assert states(agent) == [(3, "draft"), (2, "dropped"), (1, "published")]
    assert drop_draft(agent)
    assert not drop_draft(agent)
    assert draft_of(agent) is None


def test_going_back_is_a_version_of_its_own(agent: Agent, cast: Cast) -> None:
    first = published_version(agent, NOW)
    publish(stored(agent), told("worse"), cast.acme.admin, NOW)
    again = publish(stored(agent), first.content, cast.acme.admin, NOW)
    assert (again.number, again.content) == (3, first.content)
    assert content_of(stored(agent)) == first.content


def test_publishing_what_is_published_changes_nothing(agent: Agent) -> None:
    version = published_version(agent, NOW)
    save_draft(agent, told("not wanted"), None, NOW)
    assert publish(stored(agent), version.content, None, NOW) == version
    assert states(agent) == [(2, "dropped"), (1, "published")]


def test_a_new_agents_first_version_is_its_makers(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant, "new")
    version = publish(agent, content_of(agent), cast.acme.developer, NOW)
    assert (version.number, version.created_by) == (1, cast.acme.developer)


def test_a_conversation_keeps_what_it_ran_with(agent: Agent) -> None:
    version = publish(stored(agent), told("Be brief."), None, NOW)
    row = make_conversation(agent, None, version=version)
    publish(stored(agent), told("Be long."), None, NOW)
    row.refresh_from_db()
    assert as_talked_to(row).prompt == "Be brief."
    assert as_talked_to(make_conversation(stored(agent), None)).prompt == "Be long."
    assert stored(agent).prompt == "Be long."


def test_versions_are_the_tenants(agent: Agent, cast: Cast) -> None:
    published_version(agent, NOW)
    with tenant_scope(cast.globex.tenant.pk):
        assert not AgentVersion.objects.exists()


def test_differences_are_told_line_by_line() -> None:
    old, new = told("Be kind.\nBe brief."), told("Be kind.\nBe long.\nAsk back.")
    assert differences(old, old) == []
    assert differences(old, {**new, "voice": "Puck"}) == [
        Difference(
            "prompt",
            [
                Line(" ", "Be kind."),
                Line("-", "Be brief."),
                Line("+", "Be long."),
                Line("+", "Ask back."),
            ],
        ),
        Difference("voice", [Line("-", "Kore"), Line("+", "Puck")]),
    ]


def test_the_agent_decides_what_the_session_is(agent: Agent) -> None:
    agent.prompt, agent.voice, agent.model = "Be brief.", "Puck", "gemini-x"
    config = session_config(agent, ())
    assert (config.system_instruction, config.voice, config.model) == (
        "Be brief.",
        "Puck",
        "gemini-x",
    )
    assert config.modalities == ("AUDIO",)
    assert config.resumption
    assert config.compression
