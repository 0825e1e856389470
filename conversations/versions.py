"""Versions of an agent: drafts, publishing, going back, and what differs between two.

A version never changes, so a conversation can say what it ran with. Publishing copies a version
into the agent's own columns, which is what everything else reads; going back publishes what an
older one says, under a new number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import ndiff

from django.db import transaction
from django.db.models import Max

import live
from accounts.models import User
from conversations.models import Agent, AgentVersion, Conversation

VERSIONED = ("prompt", "model", "voice", "modality")
State = AgentVersion.State

Content = Mapping[str, str]


def content_of(agent: Agent) -> dict[str, str]:
    return {name: str(getattr(agent, name)) for name in VERSIONED}


def with_content(agent: Agent, content: Content) -> Agent:
    """The agent as a version has it. The row is not saved."""
    for name in VERSIONED:
        setattr(agent, name, content.get(name, getattr(agent, name)))
    return agent


def as_talked_to(conversation: Conversation) -> Agent:
    """The conversation's agent as the conversation's version has it. The row is not saved."""
    if conversation.version is None:
        return conversation.agent
    return with_content(conversation.agent, conversation.version.content)


def session_config(agent: Agent, tools: Sequence[live.Tool]) -> live.SessionConfig:
    """What a session with the agent, as it stands in memory, is to be."""
    return live.SessionConfig(
        model=agent.model,
        system_instruction=agent.prompt,
        voice=agent.voice,
        modalities=(agent.modality,),
        tools=tuple(tools),
    )


def published_version(agent: Agent, now: datetime, by: User | None = None) -> AgentVersion:
    """What people talk to. Columns that were written past the versions become one, of `by`."""
    newest = agent.versions.filter(state=State.PUBLISHED).first()
    if newest is not None and newest.content == content_of(agent):
        return newest
    with transaction.atomic():
        return _add(agent, content_of(agent), State.PUBLISHED, by, now)


def draft_of(agent: Agent) -> AgentVersion | None:
    """What the agent's editors work on, if it is not published."""
    newest = agent.versions.first()
    return newest if newest is not None and newest.state == State.DRAFT else None


def save_draft(agent: Agent, content: Content, by: User | None, now: datetime) -> AgentVersion:
    """Keep a content that nobody talks to yet, in place of an older draft."""
    with transaction.atomic():
        Agent.objects.select_for_update().get(pk=agent.pk)
        published_version(agent, now)
        drop_draft(agent)
        return _add(agent, content, State.DRAFT, by, now)


def drop_draft(agent: Agent) -> bool:
    """Let go of the draft. False if there is none."""
    return bool(agent.versions.filter(state=State.DRAFT).update(state=State.DROPPED))


def publish(agent: Agent, content: Content, by: User | None, now: datetime) -> AgentVersion:
    """From now on new conversations run with this content. The draft, if there is one, is what
    is published when it says the same, and is dropped when it does not."""
    with transaction.atomic():
        Agent.objects.select_for_update().get(pk=agent.pk)
        stored = Agent.objects.get(pk=agent.pk)
        is_new = content_of(stored) == dict(content)
        before = published_version(stored, now, by if is_new else None)
        with_content(agent, content).save(update_fields=VERSIONED)
        draft = draft_of(agent)
        if draft is not None and draft.content == dict(content):
            draft.state, draft.published_at = State.PUBLISHED, now
            draft.save(update_fields=["state", "published_at"])
            return draft
        drop_draft(agent)
        if before.content == dict(content):
            return before
        return _add(agent, content, State.PUBLISHED, by, now)


def _add(
    agent: Agent, content: Content, state: State, by: User | None, now: datetime
) -> AgentVersion:
    Agent.objects.select_for_update().get(pk=agent.pk)
    last = agent.versions.aggregate(last=Max("number"))["last"] or 0
    version: AgentVersion = AgentVersion.objects.create(
        tenant_id=agent.tenant_id,
        agent=agent,
        number=last + 1,
        content=dict(content),
        state=state,
        created_by=by,
        published_at=now if state == State.PUBLISHED else None,
    )
    return version


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text that was changed: `sign` is "+", "-", or " " for one that stayed."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one field."""

    field: str
    lines: list[Line]


def differences(old: Content, new: Content) -> list[Difference]:
    """What differs between two contents, field by field and line by line."""
    pairs = ((name, old.get(name, ""), new.get(name, "")) for name in VERSIONED)
    return [
        Difference(name, list(_lines(before, after)))
        for name, before, after in pairs
        if before != after
    ]


def _lines(old: str, new: str) -> Iterator[Line]:
    for line in ndiff(old.splitlines(), new.splitlines()):
        if line[0] != "?":  # ndiff's own hints
            yield Line(line[0], line[2:])
