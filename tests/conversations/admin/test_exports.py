from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from config.settings import storage
from conversations.admin.exports import told
from conversations.exports.jobs import MOST_OPEN, make
from conversations.exports.wanted import Wanted
from conversations.models import Agent, Conversation, Export, ExportSchedule
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import asked, made, members, raw, stored, talk_a_lot, text
from tests.conversations.talks import make_agent, make_conversation, signed_in

pytestmark = pytest.mark.django_db
EXPORTS = "/admin/conversations/export/"
SCHEDULES = "/admin/conversations/exportschedule/"
TALKS = "/admin/conversations/conversation/"


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> None:
    settings.STORAGES = settings.STORAGES | {"default": storage(f"file://{tmp_path}/files")}


@pytest.fixture
def clock() -> Clock:
    return Clock(timezone.now() + timedelta(seconds=30))


@pytest.fixture
def owner(cast: Cast) -> Client:
    return signed_in(cast.acme.owner)


@pytest.fixture
def agent(cast: Cast) -> Agent:
    return talk_a_lot(cast.acme, 3)


def talks(cast: Cast) -> list[Conversation]:
    with tenant_scope(cast.acme.tenant.pk):
        return list(Conversation.objects.order_by("pk"))


def newest() -> Export:
    with platform_scope("test"):
        row: Export = Export.objects.select_related("tenant").latest("id")
    return row


@async_to_sync
async def body(answer: Any) -> bytes:
    return b"".join([piece async for piece in answer.streaming_content])


def test_what_was_chosen_in_the_list_is_exported(
    cast: Cast, owner: Client, agent: Agent, clock: Clock
) -> None:
    chosen = [str(talk.pk) for talk in talks(cast)[:2]]
    page = owner.post(TALKS, {"action": "export", "_selected_action": chosen, "index": "0"})
    assert "2 conversations, as one file" in page.text
    form = {"format": "webvtt", "conversations": ",".join(chosen)}
    listed = owner.post(f"{EXPORTS}add/", form, follow=True)
    assert "It is being made" in listed.text
    assert 'data-open="yes"' in listed.text
    export = newest()
    assert make(export.pk, clock=clock)
    assert set(members(raw(stored(export)))) == {f"{each}.vtt" for each in chosen}


def test_what_a_filter_finds_is_exported(cast: Cast, owner: Client, agent: Agent) -> None:
    query = f"agent__id__exact={agent.pk}&state__exact=ended&q=member@acme.example"
    assert "what this filter finds" in owner.get(f"{TALKS}?{query}").text
    page = owner.get(f"{EXPORTS}add/?{query}").text
    assert f'<option value="{agent.pk}" selected>' in page
    assert '<option value="ended" selected>' in page
    assert 'value="member@acme.example"' in page
    times = "started_at__gte=2026-01-01+00:00:00Z&started_at__lt=2026-02-01+00:00:00Z"
    page = owner.get(f"{EXPORTS}add/?{times}").text
    assert 'value="2026-01-01"' in page
    assert 'value="2026-01-31"' in page
    assert owner.get(f"{EXPORTS}add/?started_at__lt=soon").status_code == 200
    form = {"format": "csv", "agent": str(agent.pk), "person": "member@acme.example"}
    form |= {"conversation_state": "ended", "first": "2026-01-01", "last": "2026-01-31"}
    assert owner.post(f"{EXPORTS}add/", form | {"is_redacted": "on"}).status_code == 302
    export = newest()
    assert export.is_redacted
    assert Wanted.from_json(export.wanted) == Wanted(
        agent=agent.pk,
        user=cast.acme.member.pk,
        state="ended",
        since=datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
        until=datetime.fromisoformat("2026-02-01T00:00:00+00:00"),
    )
    assert export.asked_by == f"user:{cast.acme.owner.pk}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"person": "nobody@acme.example"}, "Nobody of this organisation"),
        ({"person": "member@globex.example"}, "Nobody of this organisation"),
        ({"first": "2026-02-01", "last": "2026-01-01"}, "before the first one"),
        ({"conversations": "7"}, "Choose them in the list"),
        ({"conversations": str(uuid4())}, "Choose them in the list"),
        ({"format": "audio", "is_redacted": "on"}, "cannot be redacted"),
    ],
)
def test_what_is_not_valid(owner: Client, wrong: dict[str, str], said: str) -> None:
    page = owner.post(f"{EXPORTS}add/", {"format": "csv", **wrong})
    assert page.status_code == 200
    assert said in page.text
    with platform_scope("test"):
        assert not Export.objects.exists()


def test_too_many_at_once(cast: Cast, owner: Client) -> None:
    for _ in range(MOST_OPEN):
        asked(cast.acme.tenant)
    page = owner.post(f"{EXPORTS}add/", {"format": "csv"}, follow=True)
    assert "Wait until one of them is done" in page.text


def test_it_is_looked_at_and_downloaded(
    cast: Cast, owner: Client, agent: Agent, clock: Clock
) -> None:
    export = made(cast.acme.tenant, clock, "txt")
    page = owner.get(f"{EXPORTS}{export.pk}/change/").text
    assert export.sha256 in page
    assert "3 of 3 conversations, 12 of 12 turns" in page
    assert 'name="_save"' not in page
    link = f"{EXPORTS}{export.pk}/download/"
    assert link in owner.get(EXPORTS).text
    whole = owner.get(link, follow=True)
    assert body(whole) == raw(export)
    assert "Word 2.3" in text(export)
    assert signed_in(cast.globex.owner).get(link).status_code == 404
    assert "own" in signed_in(cast.operator).get(link, follow=True).text
    with tenant_scope(cast.acme.tenant.pk):
        downloads = AuditEntry.objects.filter(action="export.downloaded")
        assert [entry.actor for entry in downloads] == [f"user:{cast.acme.owner.pk}"]
        Export.objects.update(state=Export.State.FAILED, fault=Export.Fault.STORAGE)
    assert "The storage did not take it" in owner.get(EXPORTS).text
    assert "There is no file" in owner.get(link, follow=True).text


def test_only_who_may_export(cast: Cast, agent: Agent) -> None:
    reviewer, operator = signed_in(cast.acme.reviewer), signed_in(cast.operator)
    assert "Export…" not in reviewer.get(TALKS).text
    assert reviewer.get(EXPORTS).status_code == 404
    assert "export-filtered" not in operator.get(TALKS).text
    assert operator.get(EXPORTS).status_code == 200
    for address in (EXPORTS, SCHEDULES):
        assert operator.get(f"{address}add/").status_code == 403


SCHEDULE = {
    "name": "Each night",
    "is_on": "on",
    "every": "day",
    "hour": "3",
    "formats": ["jsonl", "csv"],
    "keep_days": "14",
}


def test_a_schedule(cast: Cast, owner: Client, agent: Agent) -> None:
    form = {**SCHEDULE, "agent": str(agent.pk), "person": "member@acme.example"}
    assert owner.post(f"{SCHEDULES}add/", form).status_code == 302
    with tenant_scope(cast.acme.tenant.pk):
        row = ExportSchedule.objects.get()
    assert Wanted.from_json(row.wanted) == Wanted(agent=agent.pk, user=cast.acme.member.pk)
    assert row.asked_by == f"user:{cast.acme.owner.pk}"
    assert timezone.now() < row.next_at <= timezone.now() + timedelta(days=1)
    assert (row.next_at.hour, row.formats, row.keep_days) == (3, ["jsonl", "csv"], 14)
    page = owner.get(f"{SCHEDULES}{row.pk}/change/").text
    assert 'value="member@acme.example"' in page
    monthly = {**SCHEDULE, "every": "month", "hour": "4"}
    assert owner.post(f"{SCHEDULES}{row.pk}/change/", monthly).status_code == 302
    with tenant_scope(cast.acme.tenant.pk):
        row.refresh_from_db()
        assert (row.next_at.day, row.next_at.hour, row.wanted) == (1, 4, {})
        acts = AuditEntry.objects.filter(object_id=str(row.pk)).order_by("id")
        assert [act.action for act in acts] == ["exportschedule.created", "exportschedule.changed"]
        row.wanted = {"tag": "shoes", "is_test": False, "state": "live"}
        row.save()
    # What only a program asks for stays, and is told.
    assert owner.post(f"{SCHEDULES}{row.pk}/change/", monthly).status_code == 302
    with tenant_scope(cast.acme.tenant.pk):
        row.refresh_from_db()
    assert row.wanted == {"tag": "shoes", "is_test": False}
    assert "Tagged shoes, no tests" in owner.get(SCHEDULES).text
    other = signed_in(cast.globex.owner)
    assert other.get(f"{SCHEDULES}{row.pk}/change/").status_code == 404
    assert "Each night" in signed_in(cast.operator).get(f"{SCHEDULES}{row.pk}/change/").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"formats": []}, "This field is required"),
        ({"formats": ["audio"], "is_redacted": "on"}, "Audio cannot be redacted"),
        ({"hour": "24"}, "less than or equal to 23"),
        ({"keep_days": "0"}, "greater than or equal to 1"),
        ({"agent": str(uuid4())}, "Select a valid choice"),
    ],
)
def test_a_schedule_that_is_not_valid(owner: Client, wrong: dict[str, Any], said: str) -> None:
    page = owner.post(f"{SCHEDULES}add/", {**SCHEDULE, **wrong})
    assert page.status_code == 200
    assert said in page.text


def test_which_conversations_in_words(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    make_conversation(agent, None)
    since = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    with tenant_scope(cast.acme.tenant.pk):
        assert told(Wanted()) == "all conversations"
        assert told(Wanted((uuid4(), uuid4()))) == "2 chosen"
        assert told(Wanted(agent=agent.pk, since=since)) == "with Shop, from 01 Jan 2026"
        assert (
            told(Wanted(agent=uuid4(), end_user="u")) == "with an agent that is gone, of one person"
        )
