from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from pytest_django.fixtures import Settings

from accounts.callers import (
    TenantLeaving,
    caller_from_api_key,
    caller_from_session,
)
from accounts.leaving.departures import (
    NotNow,
    TooLate,
    ask_to_leave,
    effects,
    name_of_actor,
    open_departure,
    take_back,
)
from accounts.leaving.erasure import claim
from accounts.models import AuditEntry, Tenant
from accounts.roles import Role
from accounts.tenancy import tenant_scope
from config.celery import app
from conversations.models import Conversation
from conversations.states import ConversationState, EndReason
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def owner(cast: Cast) -> str:
    return f"user:{cast.acme.owner.pk}"


def state(cast: Cast) -> str:
    return Tenant.objects.get(pk=cast.acme.tenant.pk).state


def test_effects_count_what_goes(cast: Cast, furnished: str) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        told = effects(cast.acme.tenant)
    assert told == [
        "1 agent",
        "1 conversation",
        "0 pieces of recordings",
        "0 notes",
        "0 API requests",
        "5 members",
        "1 Gemini credential",
        "1 API key",
        f"{told[8].split()[0]} audit entries",
        "1 stored file",
    ]


def test_asking_begins_the_grace_time(
    cast: Cast,
    clock: Clock,
    settings: Settings,
    tasks_run_at_once: None,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.EMAIL_URL = "smtp://localhost"
    settings.LEAVE_GRACE_DAYS = 3
    with django_capture_on_commit_callbacks(execute=True):
        departure = ask_to_leave(cast.acme.tenant.pk, owner(cast), clock.now)
    assert departure.erase_after == clock.now + timedelta(days=3)
    assert state(cast) == "leaving"
    assert {each.to[0] for each in mail.outbox} == {cast.acme.owner.email, cast.acme.admin.email}
    assert f"{departure.erase_after:%H:%M}" in mail.outbox[0].body
    assert open_departure(cast.globex.tenant.pk) is None
    with tenant_scope(cast.acme.tenant.pk):
        entry = AuditEntry.objects.get(action="tenant.leaving")
    assert entry.after is not None
    assert (entry.actor, entry.after["state"]) == (owner(cast), "leaving")
    with pytest.raises(NotNow):
        ask_to_leave(cast.acme.tenant.pk, owner(cast), clock.now)


def test_running_conversations_end_with_their_reason(
    cast: Cast, clock: Clock, django_capture_on_commit_callbacks: Any
) -> None:
    agents = [make_agent(each.tenant) for each in (cast.acme, cast.globex)]
    live = [
        make_conversation(each, None, state=ConversationState.LIVE, ended_at=None, end_reason="")
        for each in agents
    ]
    with django_capture_on_commit_callbacks(execute=True):
        ask_to_leave(cast.acme.tenant.pk, owner(cast), clock.now)
    for row, reason in zip(live, (EndReason.TENANT_LEAVING, ""), strict=True):
        with tenant_scope(row.tenant_id):
            assert Conversation.objects.get(pk=row.pk).stop_reason == reason


@pytest.mark.parametrize("role", Role.values)
def test_who_gets_in(cast: Cast, clock: Clock, role: str) -> None:
    user = getattr(cast.acme, role)
    ask_to_leave(cast.acme.tenant.pk, owner(cast), clock.now)
    with pytest.raises(TenantLeaving, match="is leaving") as leaving:
        caller_from_session(user, {})
    assert (leaving.value.owner is not None) == (role == "owner")
    with pytest.raises(TenantLeaving):
        caller_from_api_key(cast.acme.api_key)
    Tenant.objects.update(state=Tenant.State.ERASING)
    with pytest.raises(TenantLeaving, match="is being deleted") as gone:
        caller_from_session(user, {})
    assert gone.value.owner is None


def test_it_can_be_taken_back_until_it_is_too_late(cast: Cast, clock: Clock) -> None:
    tenant = cast.acme.tenant.pk
    with pytest.raises(NotNow):
        take_back(tenant, owner(cast), clock.now)
    first = ask_to_leave(tenant, owner(cast), clock.now)
    back = take_back(tenant, "system", clock.now)
    assert (back.pk, back.state, back.taken_back_by) == (first.pk, "taken-back", "system")
    assert state(cast) == "active"
    assert caller_from_api_key(cast.acme.api_key)
    clock.pass_by(days=15)
    assert claim(first.pk, clock.now) is None  # what was taken back stays so
    second = ask_to_leave(tenant, owner(cast), clock.now)
    clock.pass_by(days=14)
    assert claim(second.pk, clock.now) is not None
    with pytest.raises(TooLate):
        take_back(tenant, owner(cast), clock.now)


def test_a_suspended_tenant_does_not_leave(cast: Cast, clock: Clock) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    with pytest.raises(NotNow):
        ask_to_leave(cast.acme.tenant.pk, owner(cast), clock.now)


def test_actors_have_names(cast: Cast) -> None:
    assert name_of_actor(owner(cast)) == cast.acme.owner.email
    assert name_of_actor("system") == "system"
