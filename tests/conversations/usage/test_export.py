import csv
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync

from accounts.tenancy import current_scope, platform_scope, tenant_scope
from conversations.models import Agent, UsageDay
from conversations.usage import export
from conversations.usage.export import COLUMNS, csv_answer, csv_lines
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.usage.uses import DAY, account_of, set_prices, use

Whose = UsageDay.Whose


@pytest.fixture(autouse=True)
def used(agent: Agent, cast: Cast) -> None:
    set_prices()
    row = make_conversation(agent, cast.acme.member, words=())
    for number in range(1, 6):
        use(row, number, day=DAY + timedelta(days=number), talked_ms=1500)
    other = make_conversation(make_agent(cast.acme.tenant, "dear"), None, words=())
    use(other, account=account_of(other, "gemini-9"), day=DAY + timedelta(days=2))
    use(make_conversation(make_agent(cast.globex.tenant), cast.globex.member, words=()))


def names(subjects: Collection[UUID]) -> dict[UUID, str]:
    return dict(Agent.objects.filter(pk__in=subjects).values_list("pk", "slug"))


def exported(cast: Cast, whose: Whose = Whose.AGENT) -> list[dict[str, str]]:
    enter = partial(tenant_scope, cast.acme.tenant.pk)
    lines = csv_lines(whose, DAY, DAY + timedelta(days=9), names=names, enter=enter)
    assert current_scope() is None, "it is read while it is sent, outside of any scope"
    return list(csv.DictReader(lines))


def test_a_line_for_each_day_and_subject(cast: Cast, agent: Agent) -> None:
    rows = exported(cast)
    assert len(rows) == 6
    assert tuple(rows[0]) == COLUMNS
    assert rows[0] == {
        "day": (DAY + timedelta(days=1)).isoformat(),
        "id": str(agent.pk),
        "name": "shop",
        "minutes": "0.025",
        "text_in_tokens": "1000",
        "audio_in_tokens": "100",
        "image_in_tokens": "0",
        "video_in_tokens": "0",
        "other_in_tokens": "0",
        "text_out_tokens": "0",
        "audio_out_tokens": "50",
        "other_out_tokens": "0",
        "unpriced_tokens": "0",
        "cost": "0.001900",
        "currency": "USD",
    }


def test_a_cost_that_is_not_known_is_empty(cast: Cast) -> None:
    (row,) = [each for each in exported(cast) if each["name"] == "dear"]
    assert (row["cost"], row["unpriced_tokens"]) == ("", "1150")


def test_page_by_page_nothing_is_lost_or_twice(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = exported(cast)
    for size in (1, 2, 6, 7):
        monkeypatch.setattr(export, "PAGE", size)
        assert exported(cast) == whole
    assert [row["day"] for row in whole] == sorted(row["day"] for row in whole)


def test_nothing_of_another_tenant(cast: Cast) -> None:
    assert {row["id"] for row in exported(cast, Whose.TENANT)} == {str(cast.acme.tenant.pk)}


def test_a_name_is_no_formula(cast: Cast, agent: Agent) -> None:
    with platform_scope("test"):
        Agent.objects.filter(pk=agent.pk).update(slug="=1+1")
    assert exported(cast)[0]["name"] == "'=1+1"


def test_a_download_is_sent_page_by_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    enter = partial(tenant_scope, cast.acme.tenant.pk)
    answer = csv_answer("agent", DAY, DAY + timedelta(days=9), enter=enter)

    @async_to_sync
    async def pieces() -> list[bytes]:
        return [piece async for piece in answer]

    found = pieces()
    assert [piece.count(b"\n") for piece in found] == [2, 2, 2, 1]  # the heading is a line too
    assert len(list(csv.DictReader(b"".join(found).decode().splitlines()))) == 6
    name = f"usage-by-agent-{DAY}-{DAY + timedelta(days=9)}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
