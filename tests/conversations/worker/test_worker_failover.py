"""A credential fails under running conversations: the standby takes them over."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import pytest
from django.core import mail

from accounts.credentials import CredentialsFailing, set_secret
from accounts.database import in_database
from accounts.models import AuditEntry, Credential
from accounts.tenancy import platform_scope
from config.celery import app
from conversations import protocol as p
from conversations.models import Conversation, Lease
from conversations.states import ConversationState, EndReason, Speaker
from conversations.worker.loading import claim
from live.simulator.scenario import Close, GoAway, Script, Step
from tests.conversations.worker.test_worker import House, house, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import Settings

    from tests.conversations.conftest import Stage
    from tests.conversations.page import Page

__all__ = ["house"]
T = TypeVar("T")

STANDBY_KEY = "sim-key-of-the-standby-credential"
QUOTA = "You exceeded your current quota, please check your plan and billing details."
GOES_AWAY = Script(steps=(Step(do=GoAway(time_left=50.0), at="answer"),))
USED_UP = Script(steps=(Step(do=Close(code=1011, reason=QUOTA), at="answer", nth=2),))


@pytest.fixture
def letters(settings: Settings) -> Iterator[list[mail.EmailMessage]]:
    """The letters that were sent."""
    settings.EMAIL_URL = "smtp://localhost"
    app.conf.task_always_eager = True
    yield mail.outbox
    app.conf.task_always_eager = False


def in_scope(work: Callable[[], T]) -> Callable[[], T]:
    def scoped() -> T:
        with platform_scope("test"):
            return work()

    return scoped


async def add_standby(stage: Stage, key: str = STANDBY_KEY, position: int = 1) -> Credential:
    def add() -> Credential:
        made = Credential(
            tenant=stage.cast.acme.tenant,
            name=f"standby {position}",
            kind=Credential.Kind.API_KEY,
            endpoint=Credential.Endpoint.DEVELOPER,
            base_url=stage.simulator.url,
            position=position,
        )
        set_secret(made, key)
        made.state = Credential.State.ACTIVE
        made.save()
        return made

    stage.simulator.api_keys.append(key)
    return await in_database(in_scope(add))


def credentials(tenant_id: uuid.UUID) -> dict[str, Credential]:
    with platform_scope("test reads credentials"):
        return {row.name: row for row in Credential.objects.filter(tenant=tenant_id)}


def audited(tenant_id: uuid.UUID) -> list[str]:
    with platform_scope("test reads the audit"):
        rows = AuditEntry.objects.filter(tenant=tenant_id, action__startswith="credential.")
        return list(rows.order_by("id").values_list("action", flat=True))


def runs_on(conversation_id: uuid.UUID) -> str:
    with platform_scope("test reads a lease"):
        lease = Lease.objects.select_related("credential").get(conversation=conversation_id)
        return lease.credential.name if lease.credential else ""


def notices(page: Page) -> list[str]:
    return [event.code for event in page.events if isinstance(event, p.Notice)]


def live_now(page: Page) -> Callable[[], bool]:
    return lambda: page.picture.state == ConversationState.LIVE


async def test_a_running_conversation_goes_on_with_the_standby(
    stage: Stage, house: House, letters: list[mail.EmailMessage]
) -> None:
    await add_standby(stage)
    await house.hire()
    conversation = await stage.new_conversation()
    stage.simulator.script(GOES_AWAY)
    async with house.page(conversation) as (page, attachment):
        await page.until(live_now(page))
        assert await in_database(runs_on, conversation.id) == "simulator"
        stage.simulator.api_keys.remove(stage.simulator.api_key)  # its next connection is refused
        await attachment.send(typed("r1", "The code word is marmalade."))
        await page.until(lambda: "credential-changed" in notices(page))
        await page.until(live_now(page))
        await attachment.send(typed("r2", "What is the code word?"))
        await page.until(lambda: page.answered(2))
        assert "marmalade" in page.said(Speaker.AGENT)[-1].lower()
        assert page.said(Speaker.USER) == ["The code word is marmalade.", "What is the code word?"]
        assert len(page.said(Speaker.AGENT)) == 2
        assert await in_database(runs_on, conversation.id) == "standby 1"
        second = await stage.new_conversation()
        async with house.page(second) as (other, _):
            await other.until(live_now(other))
            assert await in_database(runs_on, second.id) == "standby 1"
            assert notices(other) == []
    rows = await in_database(credentials, stage.agent.tenant_id)
    failed = rows["simulator"]
    assert (failed.state, failed.failure_code, failed.rests_until) == (
        "failing",
        "api_key_invalid",
        None,
    )
    assert failed.is_primary
    assert rows["standby 1"].last_used_at is not None
    assert await in_database(audited, stage.agent.tenant_id) == ["credential.failed"]
    assert {letter.subject for letter in letters} == {
        "Parley: the credential simulator stopped working"
    }


async def test_a_quota_gives_way_to_the_standby_in_the_middle_of_an_answer(
    stage: Stage, house: House
) -> None:
    await add_standby(stage)
    await house.hire()
    conversation = await stage.new_conversation()
    stage.simulator.script(USED_UP)
    async with house.page(conversation) as (page, attachment):
        await page.until(live_now(page))
        await attachment.send(typed("r1", "Count to five, please."))
        await page.until(lambda: "credential-changed" in notices(page))
        await page.until(live_now(page))
        await attachment.send(typed("r2", "Hello"))
        await page.until(lambda: len(page.said(Speaker.AGENT)) >= 2)
        assert page.said(Speaker.USER) == ["Count to five, please.", "Hello"]
    failed = (await in_database(credentials, stage.agent.tenant_id))["simulator"]
    assert failed.failure_code == "quota_exceeded"
    assert failed.rests_until is not None


async def test_twenty_at_once_are_one_failure_and_the_last_one_ends_them(
    stage: Stage, house: House, letters: list[mail.EmailMessage]
) -> None:
    await add_standby(stage)
    await house.hire()
    ones = [await stage.new_conversation() for _ in range(20)]
    stage.simulator.api_keys.remove(stage.simulator.api_key)
    async with asyncio.TaskGroup() as group:
        for one in ones:
            group.create_task(see_it_move(house, one))
    assert await in_database(audited, stage.agent.tenant_id) == ["credential.failed"]
    told = len(letters)
    readers = {address for letter in letters for address in letter.to}
    assert told == len(readers) > 0

    stage.simulator.api_keys.clear()
    last = await stage.new_conversation()
    async with house.page(last) as (page, _):
        await page.until(lambda: page.picture.ended == EndReason.CREDENTIAL_PROBLEM)
    assert {letter.subject for letter in letters[told:]} == {
        "Parley: no credential works, no conversation can be held"
    }
    after = await stage.new_conversation()
    with pytest.raises(CredentialsFailing):
        await in_database(claim, after.id, "another", "tcp://another:1")
    assert len(letters) == 2 * told


async def see_it_move(house: House, one: Conversation) -> None:
    async with house.page(one) as (page, _):
        await page.until(live_now(page))
