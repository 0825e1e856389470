"""Tokens for an integrator's own users: what they are, when they are good, whose they are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.audit.place import Place, at_place
from accounts.callers import Caller, EndUser, TenantSuspended
from accounts.database import in_database
from accounts.limits import Limits
from accounts.models import AuditEntry, Tenant
from accounts.roles import Permission
from accounts.tenancy import platform_scope, tenant_scope
from conversations.access_tokens import (
    InvalidToken,
    NotRevocable,
    NoUseLeft,
    OriginNotAllowed,
    Wanted,
    caller_from_access_token,
    forget_old_tokens,
    give_use_back,
    is_held_by,
    mint,
    revoke,
    spend_use,
    token_behind,
)
from conversations.models import AccessToken, Agent, TokenState
from conversations.states import ConversationState, EndReason, Medium
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

ADA = EndUser("u-17", "Ada")


@pytest.fixture
def server(cast: Cast) -> Caller:
    """The integrator's server, with a key that may mint."""
    return Caller(cast.acme.tenant.pk, api_key_id=cast.acme.tenant.pk, scopes=frozenset({"tokens"}))


def minted(server: Caller, **wanted: Any) -> tuple[AccessToken, str]:
    with tenant_scope(server.tenant_id):
        return mint(server, Wanted(**wanted), timezone.now())


def row_of(token: AccessToken) -> AccessToken:
    with platform_scope("test"):
        row: AccessToken = AccessToken.objects.get(pk=token.pk)
        return row


def test_a_token_is_who_it_was_made_for(server: Caller, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    token, text = minted(server, agent=agent, end_user=ADA)
    caller = caller_from_access_token(text)
    assert caller is not None
    assert (caller.tenant_id, caller.access_token_id) == (cast.acme.tenant.pk, token.pk)
    assert (caller.agents, caller.end_user) == (frozenset({agent.pk}), ADA)
    assert (caller.actor, caller.pk) == (f"token:{token.pk}", token.pk)
    assert [each for each in Permission if caller.may(each)] == [Permission.TALK]
    assert token_behind(replace(caller, access_token_id=None)) is None


def test_only_a_hash_of_the_secret_is_kept(server: Caller) -> None:
    token, text = minted(server, end_user=ADA)
    secret = text.rpartition("_")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM conversations_accesstoken")
        assert secret not in str(cursor.fetchall())
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="access-token.minted")
    assert secret not in f"{entry.after} {entry.before} {token}"
    assert (entry.actor, entry.object_id) == (server.actor, str(token.pk))
    assert row_of(token).text_shown == f"auth_tokens/prl_{token.prefix}_…{secret[-4:]}"


@pytest.mark.parametrize(
    "text",
    ["", "auth_tokens/", "auth_tokens/prl_0123456789ab_" + "0" * 64, "prl_0123456789ab_x"],
)
def test_what_is_no_token(db: None, text: str) -> None:
    assert caller_from_access_token(text) is None


def test_another_secret_of_the_same_prefix_is_none(server: Caller) -> None:
    _, text = minted(server)
    head, _, secret = text.rpartition("_")
    assert caller_from_access_token(f"{head}_{secret[::-1]}") is None
    assert caller_from_access_token(text + "0") is None


def test_times_are_googles_own(server: Caller) -> None:
    now = timezone.now()
    with tenant_scope(server.tenant_id):
        token, text = mint(server, Wanted(), now)
    assert token.expires_at == now + timedelta(minutes=30)
    assert token.new_session_expires_at == now + timedelta(seconds=60)
    assert caller_from_access_token(text, now=now + timedelta(minutes=29)) is not None
    assert caller_from_access_token(text, now=now + timedelta(minutes=30)) is None


@pytest.mark.parametrize(
    "wanted",
    [
        {"uses": -1},
        {"expires_at": timedelta(hours=20, minutes=1)},
        {"expires_at": timedelta(seconds=-1)},
        {"new_session_expires_at": timedelta(hours=1)},
        {"origins": ["shop.example"]},
        {"origins": ["https://shop.example/path"]},
        {"origins": ["javascript:alert(1)"]},
        {"origins": ["http://["]},
    ],
)
def test_what_can_be_no_token_is_refused(server: Caller, wanted: dict[str, Any]) -> None:
    now = timezone.now()
    times = {k: now + v for k, v in wanted.items() if isinstance(v, timedelta)}
    with tenant_scope(server.tenant_id), pytest.raises(InvalidToken):
        mint(server, Wanted(**{**wanted, **times}), now)


def test_a_key_for_certain_agents_mints_none_for_all(server: Caller, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    only = replace(server, agents=frozenset({agent.pk}))
    with pytest.raises(InvalidToken):
        minted(only)
    assert minted(only, agent=agent)[0].agent_id == agent.pk


@pytest.mark.parametrize(
    ("origin", "is_good"),
    [
        ("https://shop.example", True),
        ("https://SHOP.example", True),
        ("https://evil.example", False),
        ("http://shop.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_has_to_be_one_of_its_own(server: Caller, origin: str, is_good: bool) -> None:
    _, text = minted(server, origins=["https://Shop.example/"])
    with at_place(Place(origin=origin)):
        if is_good:
            assert caller_from_access_token(text) is not None
            return
        with pytest.raises(OriginNotAllowed):
            caller_from_access_token(text)


def test_a_suspended_tenants_token_lets_nobody_in(server: Caller, cast: Cast) -> None:
    _, text = minted(server)
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    with pytest.raises(TenantSuspended):
        caller_from_access_token(text)


# --- uses --------------------------------------------------------------------------------------


def spend(token: AccessToken, now: datetime | None = None) -> TokenState | None:
    with tenant_scope(token.tenant_id):
        try:
            spend_use(token, now or timezone.now())
        except NoUseLeft as error:
            return error.state
    return None


def test_uses_are_counted_and_given_back(server: Caller) -> None:
    token, _ = minted(server, uses=2)
    assert [spend(token), spend(token), spend(token)] == [None, None, TokenState.USED_UP]
    with tenant_scope(token.tenant_id):
        give_use_back(token.pk)
    assert [spend(token), spend(token)] == [None, TokenState.USED_UP]
    endless, _ = minted(server, uses=0)
    assert [spend(endless) for _ in range(5)] == [None] * 5
    assert row_of(endless).used == 5


def test_it_begins_nothing_once_it_is_late(server: Caller) -> None:
    token, _ = minted(server, uses=0)
    now = timezone.now()
    assert spend(token, now + timedelta(seconds=61)) == TokenState.CLOSED
    assert spend(token, now + timedelta(minutes=31)) == TokenState.EXPIRED
    revoke(token, "system")
    assert spend(token) == TokenState.REVOKED
    assert row_of(token).used == 0


async def test_of_many_at_once_only_so_many_get_a_use(shared_cast: Cast) -> None:
    server = Caller(shared_cast.acme.tenant.pk, api_key_id=shared_cast.acme.tenant.pk)
    token, _ = await in_database(partial(minted, server, uses=3))
    found = await asyncio.gather(*(in_database(spend, token) for _ in range(8)))
    assert list(found).count(None) == 3
    assert (await in_database(row_of, token)).used == 3


# --- whose it is, and its end --------------------------------------------------------------


def test_a_conversation_is_its_users_own(server: Caller, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    first, text = minted(server, agent=agent, end_user=ADA)
    again, other = (
        minted(server, agent=agent, end_user=user)[1] for user in (ADA, EndUser("u-18"))
    )
    nobody = minted(server, agent=agent)[1]
    hers = make_conversation(agent, None, access_token=first, end_user=ADA.id)
    held = [is_held_by(known(each), hers) for each in (text, again, other, nobody)]
    assert held == [True, True, False, False]
    anonymous = make_conversation(agent, None, access_token_id=known(nobody).access_token_id)
    assert [is_held_by(known(each), anonymous) for each in (nobody, other)] == [True, False]
    assert is_held_by(server, hers)


def known(text: str) -> Caller:
    caller = caller_from_access_token(text)
    assert caller is not None
    return caller


def test_who_revokes_ends_what_it_began(server: Caller, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    token, text = minted(server, agent=agent)
    live: dict[str, Any] = {"state": ConversationState.LIVE, "end_reason": "", "ended_at": None}
    running = make_conversation(agent, None, access_token=token, **live)
    over = make_conversation(agent, None, access_token=token)
    another = make_conversation(agent, None, **live)
    assert revoke(token, server.actor)
    assert not revoke(token, server.actor)
    assert caller_from_access_token(text) is None
    with platform_scope("test"):
        for row in (running, over, another):
            row.refresh_from_db()
        assert AuditEntry.objects.filter(action="access-token.revoked").count() == 1
    assert [row.stop_reason for row in (running, over, another)] == [EndReason.STAFF_ENDED, "", ""]


def test_google_takes_none_back(server: Caller) -> None:
    token, _ = minted(server)
    token.kind = AccessToken.Kind.GOOGLE
    with pytest.raises(NotRevocable):
        revoke(token, "system")


def test_what_is_stored_of_what_is_wanted(server: Caller, cast: Cast) -> None:
    token, _ = minted(
        server,
        agent=make_agent(cast.acme.tenant),
        media=[Medium.TEXT],
        limits=Limits(length_ms=60_000, total_spend_micros=5),
        setup={"systemInstruction": {}},
        field_mask=["systemInstruction"],
        end_user=ADA,
    )
    row = row_of(token)
    assert (row.modalities, row.limits) == (
        ["text"],
        {"length_ms": 60_000, "total_spend_micros": 5},
    )
    assert (row.setup, row.field_mask) == ({"systemInstruction": {}}, ["systemInstruction"])
    assert (row.end_user, row.end_user_name) == ("u-17", "Ada")
    with tenant_scope(cast.globex.tenant.pk):
        assert not AccessToken.objects.exists()
        assert not Agent.objects.exists()


def test_old_ones_are_forgotten_and_what_was_said_is_not(server: Caller, cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    token, _ = minted(server, agent=agent, end_user=ADA)
    said = make_conversation(agent, None, access_token=token, end_user=ADA.id)
    month_later = token.expires_at + timedelta(days=30)
    assert forget_old_tokens(month_later - timedelta(seconds=1)) == 0
    assert forget_old_tokens(month_later) == 1
    with platform_scope("test"):
        said.refresh_from_db()
    assert (said.access_token_id, said.end_user) == (None, "u-17")
