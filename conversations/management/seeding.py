"""Rows of the demo: tenants, people, agents, and conversations of the past weeks.

Every function leaves alone what exists, so that seeding again only adds what is missing.
"""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec

import live
from accounts.ids import uuid7
from accounts.models import Membership, Tenant, User
from accounts.roles import Role
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation, Event, Turn
from conversations.states import ConversationState, EndReason, Speaker, TurnState
from conversations.usage.book import write_usage
from conversations.usage.meter import Meter
from conversations.usage.records import Account, UsageRecord

DATA = Path(__file__).with_name("demo.toml")

MS_PER_WORD = 380  # a calm voice: about 160 words a minute
TOKENS_PER_S = 25  # of sound, either way
TOKENS_PER_WORD = 1.3
PAUSE_MS = 900  # between one side's last word and the other's first


class AgentData(msgspec.Struct):
    slug: str
    name: str
    description: str
    voice: str
    prompt: str


class Line(msgspec.Struct):
    """What one side said: `user` or `agent` holds the words."""

    user: str = ""
    agent: str = ""
    interrupted: bool = False

    @property
    def words(self) -> str:
        return self.user or self.agent

    @property
    def speaker(self) -> Speaker:
        return Speaker.USER if self.user else Speaker.AGENT


class NoticeData(msgspec.Struct):
    """A notice after the line of that number."""

    after: int
    code: str
    text: str


class ConversationData(msgspec.Struct):
    agent: str
    who: str
    hours_ago: int
    lines: list[Line]
    end: EndReason = EndReason.USER_LEFT
    typed: bool = False
    notice: NoticeData | None = None


class TenantData(msgspec.Struct):
    slug: str
    name: str
    people: dict[str, str]
    agents: list[AgentData]
    conversations: list[ConversationData]


class DemoData(msgspec.Struct):
    tenants: list[TenantData]


@cache
def demo_data() -> DemoData:
    return msgspec.toml.decode(DATA.read_bytes(), type=DemoData)


def seed_tenant(data: TenantData) -> Tenant:
    tenant, _ = Tenant.objects.get_or_create(slug=data.slug, defaults={"name": data.name})
    return tenant


def seed_member(tenant: Tenant, user: User, role: Role) -> None:
    Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": role})


def seed_agents(tenant: Tenant, data: Sequence[AgentData]) -> list[Agent]:
    """Return the tenant's demo agents, in the order of the data."""
    return [
        Agent.objects.get_or_create(
            tenant=tenant,
            slug=agent.slug,
            defaults={
                "name": agent.name,
                "description": agent.description,
                "voice": agent.voice,
                "prompt": agent.prompt.strip(),
            },
        )[0]
        for agent in data
    ]


def seed_conversations(
    tenant: Tenant, data: Sequence[ConversationData], people: dict[str, User], now: datetime
) -> int:
    """Store the past conversations, once: a tenant that has any conversation keeps its own.

    Returns how many were stored.
    """
    if Conversation.objects.filter(tenant=tenant).exists():
        return 0
    agents = {agent.slug: agent for agent in Agent.objects.filter(tenant=tenant)}
    for number, past in enumerate(data):
        # Not all on the full hour.
        started_at = now - timedelta(hours=past.hours_ago, minutes=number * 17 % 60)
        store(past, agents[past.agent], people[past.who], started_at)
    return len(data)


def store(data: ConversationData, agent: Agent, user: User, started_at: datetime) -> None:
    """Store one conversation that has ended, with its turns and events."""
    row = Conversation(id=uuid7_at(started_at), tenant_id=agent.tenant_id, agent=agent, user=user)
    turns = list(turns_of(data, row))
    after_ms = (turns[-1].end_ms or 0) + PAUSE_MS
    events = list(events_of(data, row, turns, after_ms))
    row.state = ConversationState.ENDED
    row.ended_at = started_at + timedelta(milliseconds=after_ms)
    row.end_reason = data.end
    row.first_words = next(turn.text for turn in turns if turn.speaker == Speaker.USER)[:120]
    row.last_epoch, row.last_seq = 1, events[-1].seq
    row.save(force_insert=True)
    # `auto_now_add` writes the present into a new row.
    Conversation.objects.filter(pk=row.pk).update(started_at=started_at)
    Turn.objects.bulk_create(turns)
    Event.objects.bulk_create(events)
    with platform_scope("what the demo's conversations used"):
        write_usage(usage_of(row, turns, started_at, after_ms))


def usage_of(
    row: Conversation, turns: Sequence[Turn], started_at: datetime, after_ms: int
) -> list[UsageRecord]:
    """The time with the model, and for each answer the tokens of it and of all before it."""
    account = Account(row.tenant_id, row.pk, row.agent_id, row.user_id, row.agent.model)
    meter = Meter(account, epoch=1, began=started_at)
    meter.connected(0)
    heard: Counter[str] = Counter()
    for turn in turns:
        tokens = tokens_of(turn)
        if turn.speaker == Speaker.AGENT:
            report = live.Usage(
                prompt_tokens=heard.total(),
                prompt_details=dict(heard),
                response_tokens=sum(tokens.values()),
                response_details=tokens,
            )
            meter.report(report, (turn.end_ms or 0) / 1000)
        heard.update(tokens)
    meter.left(after_ms / 1000)
    return meter.take(after_ms / 1000)


def tokens_of(turn: Turn) -> dict[str, int]:
    spoken_ms = (turn.end_ms or 0) - turn.start_ms
    if spoken_ms:
        return {"AUDIO": spoken_ms * TOKENS_PER_S // 1000}
    return {"TEXT": int(len(turn.text.split()) * TOKENS_PER_WORD)}


def turns_of(data: ConversationData, row: Conversation) -> Iterator[Turn]:
    """Give each line the time it takes to say it, and room between its first and last `seq`."""
    clock_ms, seq = PAUSE_MS, 1
    for line in data.lines:
        typed = data.typed and line.speaker == Speaker.USER
        spoken_ms = 0 if typed else len(line.words.split()) * MS_PER_WORD
        last_seq = seq + 1 + len(line.words) // 20
        yield Turn(
            tenant_id=row.tenant_id,
            conversation=row,
            epoch=1,
            first_seq=seq,
            last_seq=last_seq,
            speaker=line.speaker,
            state=TurnState.INTERRUPTED if line.interrupted else TurnState.FINAL,
            text=line.words,
            start_ms=clock_ms,
            end_ms=clock_ms + spoken_ms,
        )
        clock_ms += spoken_ms + PAUSE_MS
        seq = last_seq + 5  # what the page was told between two turns


def events_of(
    data: ConversationData, row: Conversation, turns: Sequence[Turn], end_ms: int
) -> Iterator[Event]:
    """The interruptions, the notice if there is one, and the end."""

    def event(turn: Turn, offset: int, kind: str, ms: int, **fields: object) -> Event:
        return Event(
            tenant_id=row.tenant_id,
            conversation=row,
            epoch=1,
            seq=turn.last_seq + offset,
            kind=kind,
            ms=ms,
            data=fields,
        )

    answers = itertools.count(1)
    for number, turn in enumerate(turns, start=1):
        stream = next(answers) if turn.speaker == Speaker.AGENT else 0
        if turn.state == TurnState.INTERRUPTED:
            yield event(turn, 1, "interrupted", turn.end_ms or 0, stream=stream)
        if data.notice is not None and data.notice.after == number:
            yield event(turn, 2, data.notice.code, turn.end_ms or 0, text=data.notice.text)
    yield event(turns[-1], 3, "ended", end_ms, reason=str(data.end))


def uuid7_at(moment: datetime) -> uuid.UUID:
    """A UUIDv7 of the past, so that rows seeded late still sort by when they began."""
    now = uuid7().int & ((1 << 80) - 1)
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | now)
