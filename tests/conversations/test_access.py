"""What lets a socket in, and when that ends; the sockets themselves are in `test_consumers`."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.callers import Caller
from accounts.database import in_database
from accounts.models import ApiKey, Membership, Tenant, User
from accounts.signals import AccessEnded
from accounts.tenancy import platform_scope, tenant_scope
from conversations.access import AccessWatch, Ground, Loss, losses_among, stop_conversations
from conversations.access_tokens import Wanted, mint, revoke
from conversations.models import AccessToken, Agent, Conversation
from conversations.states import ConversationState, EndReason
from tests.cast import Cast
from tests.conversations.talks import make_conversation

LIVE: dict[str, Any] = {"state": ConversationState.LIVE, "end_reason": "", "ended_at": None}


def ground_of(user: User, tenant: Tenant) -> Ground:
    client = Client()
    client.force_login(user)
    user.refresh_from_db()
    return Ground(tenant.pk, user.pk, client.session.session_key, user.password)


@pytest.fixture
def member(cast: Cast) -> Ground:
    return ground_of(cast.acme.member, cast.acme.tenant)


def test_a_ground_shows_no_secret(member: Ground) -> None:
    assert member.session_key is not None
    assert member.session_key not in repr(member)
    assert str(member.password) not in repr(member)


def test_what_holds_is_left_alone(cast: Cast, member: Ground) -> None:
    key, _ = create_api_key(cast.globex.tenant, "test", ["talk"])
    assert losses_among([member, Ground(cast.globex.tenant.pk, api_key_id=key.pk)]) == {}
    assert losses_among([]) == {}


def test_a_session_that_ended(cast: Cast, member: Ground) -> None:
    other = ground_of(cast.acme.owner, cast.acme.tenant)
    gone = replace(member, session_key="none")
    assert losses_among([gone, other]) == {gone: Loss.IDENTITY}
    cast.acme.owner.set_password("another one of them")
    cast.acme.owner.save()
    assert losses_among([member, other]) == {other: Loss.IDENTITY}


def test_a_closed_account(cast: Cast, member: Ground) -> None:
    cast.acme.member.is_active = False
    cast.acme.member.save()
    assert losses_among([member]) == {member: Loss.IDENTITY}


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_ended(cast: Cast, end: str) -> None:
    key, _ = create_api_key(cast.acme.tenant, "test", ["talk"])
    if end == "revoked":
        revoke_api_key(key, "system")
    else:
        with platform_scope("test"):
            past = timezone.now() - timedelta(seconds=1)
            ApiKey.objects.filter(pk=key.pk).update(expires_at=past)
    ground = Ground(cast.acme.tenant.pk, api_key_id=key.pk)
    assert losses_among([ground]) == {ground: Loss.IDENTITY}


@pytest.mark.parametrize("end", ["revoked", "expired", ""])
def test_a_token_that_ended(cast: Cast, end: str) -> None:
    tenant = cast.acme.tenant
    with tenant_scope(tenant.pk):
        token, _ = mint(Caller(tenant.pk), Wanted(), timezone.now())
        past = timezone.now() - timedelta(seconds=1)
        if end == "revoked":
            revoke(token, "system")
        elif end == "expired":
            AccessToken.objects.filter(pk=token.pk).update(expires_at=past)
        # That it begins nothing more ends nothing.
        AccessToken.objects.filter(pk=token.pk).update(used=1, new_session_expires_at=past)
    ground = Ground(tenant.pk, access_token_id=token.pk)
    assert losses_among([ground]) == ({ground: Loss.IDENTITY} if end else {})
    Tenant.objects.filter(pk=tenant.pk).update(state="suspended")
    assert losses_among([ground]) == {ground: Loss.IDENTITY if end else Loss.RIGHT}


def test_a_membership_that_ended(cast: Cast, member: Ground) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        Membership.objects.filter(user=cast.acme.member).update(state="disabled")
    elsewhere = replace(member, tenant_id=cast.globex.tenant.pk)
    assert losses_among([member, elsewhere]) == {member: Loss.RIGHT, elsewhere: Loss.RIGHT}


def test_a_suspended_tenant(cast: Cast, member: Ground) -> None:
    key, _ = create_api_key(cast.acme.tenant, "test", ["talk"])
    by_key = Ground(cast.acme.tenant.pk, api_key_id=key.pk)
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state="suspended")
    other = ground_of(cast.globex.member, cast.globex.tenant)
    assert losses_among([member, by_key, other]) == {member: Loss.RIGHT, by_key: Loss.RIGHT}


def test_a_second_factor_that_is_required_by_now(
    cast: Cast, member: Ground, keyset_file: object
) -> None:
    with tenant_scope(cast.globex.tenant.pk):
        Membership.objects.create(user=cast.acme.member, role="member")
    elsewhere = replace(member, tenant_id=cast.globex.tenant.pk)
    protected = ground_of(cast.acme.admin, cast.acme.tenant)
    TOTP.activate(cast.acme.admin, "JBSWY3DPEHPK3PXP")
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(requires_mfa=True)
    assert losses_among([member, elsewhere, protected]) == {member: Loss.RIGHT}


def test_single_sign_on_that_is_required_by_now(cast: Cast, keyset_file: object) -> None:
    tenant = cast.acme.tenant
    owner, member = (ground_of(one, tenant) for one in (cast.acme.owner, cast.acme.member))
    came_so = replace(ground_of(cast.acme.admin, tenant), by_sign_on=True)
    Tenant.objects.filter(pk=tenant.pk).update(requires_sign_on=True)
    assert losses_among([owner, member, came_so]) == {member: Loss.RIGHT}
    Tenant.objects.filter(pk=tenant.pk).update(requires_mfa=True)
    TOTP.activate(cast.acme.owner, "JBSWY3DPEHPK3PXP")
    assert losses_among([owner, came_so]) == {came_so: Loss.RIGHT}
    Tenant.objects.filter(pk=tenant.pk).update(trusts_sign_on_factor=True)
    assert losses_among([owner, came_so]) == {}


def test_many_sockets_take_no_more_statements(cast: Cast) -> None:
    company = cast.acme
    people = (company.owner, company.admin, company.developer, company.reviewer, company.member)
    key, _ = create_api_key(company.tenant, "test", ["talk"])
    grounds = [ground_of(person, company.tenant) for person in people]
    with tenant_scope(company.tenant.pk):
        token, _ = mint(Caller(company.tenant.pk), Wanted(), timezone.now())
    with CaptureQueriesContext(
        connection,
    ) as statements:
        by_key = Ground(company.tenant.pk, api_key_id=key.pk)
        by_token = Ground(company.tenant.pk, access_token_id=token.pk)
        assert losses_among([*grounds, by_key, by_token]) == {}
    asked = [entry["sql"] for entry in statements if entry["sql"].startswith("SELECT ")]
    assert len([sql for sql in asked if " FROM " in sql]) <= 6


def stop_reasons(*rows: Conversation) -> list[str]:
    with platform_scope("test"):
        return [Conversation.objects.get(pk=row.pk).stop_reason for row in rows]


def test_conversations_of_a_suspended_tenant_are_stopped(cast: Cast, agent: Agent) -> None:
    live = make_conversation(agent, cast.acme.member, **LIVE)
    ended = make_conversation(agent, cast.acme.member)
    stop_conversations(AccessEnded(tenant_id=cast.globex.tenant.pk))
    assert stop_reasons(live) == [""]
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    stop_conversations(AccessEnded(tenant_id=cast.acme.tenant.pk))
    assert stop_reasons(live, ended) == [EndReason.TENANT_SUSPENDED, ""]


def test_conversations_of_who_left_are_stopped(cast: Cast, agent: Agent) -> None:
    mine = make_conversation(agent, cast.acme.member, **LIVE)
    other = make_conversation(agent, cast.acme.owner, **LIVE)
    ended = AccessEnded(tenant_id=cast.acme.tenant.pk, user_id=cast.acme.member.pk)
    stop_conversations(ended)  # a role was changed
    stop_conversations(AccessEnded(user_id=cast.acme.member.pk))  # a browser signed out
    assert stop_reasons(mine) == [""]
    with tenant_scope(cast.acme.tenant.pk):
        Membership.objects.filter(user=cast.acme.member).update(state="disabled")
    stop_conversations(ended)
    assert stop_reasons(mine, other) == [EndReason.STAFF_ENDED, ""]


async def test_the_watch_tells_everybody_on_the_lost_ground(shared_cast: Cast) -> None:
    company, watch = shared_cast.acme, AccessWatch()
    lost, _ = await in_database(create_api_key, company.tenant, "lost", ["talk"])
    kept, _ = await in_database(create_api_key, company.tenant, "kept", ["talk"])

    def wait_on(key: ApiKey) -> asyncio.Task[Loss]:
        return asyncio.create_task(watch.loss_of(Ground(company.tenant.pk, api_key_id=key.pk)))

    one, other, third = wait_on(lost), wait_on(lost), wait_on(kept)
    await asyncio.sleep(0)  # let them begin to wait
    await in_database(revoke_api_key, lost, "system")
    async with asyncio.timeout(20):
        told = await asyncio.gather(one, other)
    assert list(told) == [Loss.IDENTITY, Loss.IDENTITY]
    assert not third.done()
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
