"""Who is let onto a socket, and what the others are told."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from msgspec.structs import replace

from accounts.api_keys import create_api_key
from accounts.callers import ACTIVE_TENANT, Caller, EndUser
from accounts.limits import Limits
from accounts.models import AuditEntry, Credential, Membership, Tenant
from accounts.roles import Permission, Role
from accounts.tenancy import platform_scope, tenant_scope
from conversations import protocol as p
from conversations.access import Ground
from conversations.access_tokens import Wanted, mint
from conversations.admission import Admitted, Refused, admit, give_back, note_departure
from conversations.models import (
    AccessToken,
    Agent,
    BudgetNotice,
    Consent,
    Conversation,
    Lease,
    WorkerProcess,
)
from conversations.quotas.running import standings
from conversations.room import RETRY_S
from conversations.states import EndReason, Medium
from conversations.versions import content_of, save_draft
from tests.conversations.quotas.ledger import limit, used
from tests.conversations.recordings.takes import allow_recording
from tests.conversations.talks import ago, make_agent, make_conversation, make_open

if TYPE_CHECKING:
    from accounts.models import User
    from tests.cast import Cast

NO_COOKIE: dict[str, Any] = {"headers": []}


def browser(user: User, **session: str) -> dict[str, Any]:
    """The scope of a socket that `user`'s browser opens."""
    client = Client()
    client.force_login(user)
    stored = client.session
    stored.update(session)
    stored.save()
    name = settings.SESSION_COOKIE_NAME
    return with_cookie(f"other=1; {name}={client.cookies[name].value}")


def with_cookie(text: str) -> dict[str, Any]:
    return {"headers": [(b"host", b"localhost"), (b"cookie", text.encode())]}


def refusal(scope: dict[str, Any], first: p.FirstMessage) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        admit(scope, first)
    error = caught.value.error
    assert error.fatal
    assert error.message
    assert error.fix
    return caught.value.close_code, error.code


def opened(admitted: Admitted) -> Conversation:
    with platform_scope("test"):
        row: Conversation = Conversation.objects.get(id=admitted.conversation_id)
        assert Lease.objects.filter(conversation=row).exists()
        return row


def start(agent: Agent, key: str | None = None) -> p.Start:
    return p.Start(agent=str(agent.id), key=key)


# --- who ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role.values)
def test_a_cookie_opens_a_conversation(cast: Cast, agent: Agent, role: str) -> None:
    user = getattr(cast.acme, role)
    admitted = admit(browser(user), start(agent))
    row = opened(admitted)
    assert (row.tenant_id, row.agent_id, row.user_id) == (cast.acme.tenant.id, agent.id, user.id)
    assert (admitted.epoch, admitted.seq) == (0, 0)
    assert admitted.hello.conversation == str(row.id)
    assert admitted.hello.agent == p.AgentCard(id=str(agent.id), name="Shop")
    assert admitted.hello.simulated is False


def test_a_key_opens_a_conversation_of_nobody(cast: Cast, agent: Agent) -> None:
    row = opened(admit(NO_COOKIE, start(agent, cast.acme.api_key)))
    assert (row.tenant_id, row.user_id) == (cast.acme.tenant.id, None)


def test_a_key_goes_before_the_cookie(cast: Cast, agent: Agent) -> None:
    """A wrong key must not pass because somebody is signed in."""
    scope = browser(cast.acme.member)
    assert refusal(scope, start(agent, "nonsense")) == (4401, "not-signed-in")
    assert opened(admit(scope, start(agent, cast.acme.api_key))).user_id is None


@pytest.mark.parametrize(
    "scope",
    [
        NO_COOKIE,
        with_cookie(""),
        with_cookie(f"{settings.SESSION_COOKIE_NAME}=nobody-has-this-session"),
        with_cookie(f"{settings.SESSION_COOKIE_NAME}="),
        with_cookie(";;=;\xff"),
    ],
)
def test_without_a_session_nobody_is_signed_in(agent: Agent, scope: dict[str, Any]) -> None:
    assert refusal(scope, start(agent)) == (4401, "not-signed-in")


@pytest.mark.parametrize("key", ["", "nonsense", "prl_000000000000_" + "0" * 64, "prl_\0_\0"])
def test_a_wrong_key_is_nobodys(agent: Agent, key: str) -> None:
    assert refusal(NO_COOKIE, start(agent, key)) == (4401, "not-signed-in")


def test_a_session_ends_with_its_password_and_its_user(cast: Cast, agent: Agent) -> None:
    scope = browser(cast.acme.member)
    cast.acme.member.set_password("another password")
    cast.acme.member.save()
    assert refusal(scope, start(agent)) == (4401, "not-signed-in")
    scope = browser(cast.acme.owner, **{SESSION_KEY: str(uuid.uuid4())})
    assert refusal(scope, start(agent)) == (4401, "not-signed-in")


def test_who_belongs_to_no_tenant_is_not_let_in(cast: Cast, agent: Agent) -> None:
    assert refusal(browser(cast.stranger), start(agent)) == (4401, "not-signed-in")


def test_a_key_that_may_only_read_may_not_talk(cast: Cast, agent: Agent) -> None:
    _, key = create_api_key(cast.acme.tenant, "reader", ["read"])
    assert refusal(NO_COOKIE, start(agent, key)) == (4403, "not-allowed")


def test_a_suspended_tenant_is_told(cast: Cast, agent: Agent) -> None:
    Tenant.objects.filter(id=cast.acme.tenant.id).update(state=Tenant.State.SUSPENDED)
    told = (4403, "tenant-suspended")
    assert refusal(browser(cast.acme.member), start(agent)) == told
    assert refusal(NO_COOKIE, start(agent, cast.acme.api_key)) == told
    with platform_scope("test"):
        assert not Conversation.objects.exists()


def test_the_chosen_tenant_counts(cast: Cast, agent: Agent) -> None:
    """One person in two tenants talks to the agents of the chosen one."""
    user = cast.globex.member
    with tenant_scope(cast.acme.tenant.id):
        Membership.objects.create(tenant=cast.acme.tenant, user=user, role=Role.MEMBER)
    assert refusal(browser(user), start(agent)) == (4404, "unknown-agent")
    scope = browser(user, **{ACTIVE_TENANT: str(cast.acme.tenant.id)})
    assert opened(admit(scope, start(agent))).tenant_id == cast.acme.tenant.id


# --- what -----------------------------------------------------------------------------

MALFORMED = ["x", "42", "\0", "../..", "é" * 32, "0" * 31, "0" * 33, "' OR 1=1 --"]


@pytest.mark.parametrize("text", [*MALFORMED, "01a20000-0000-7000-8000-000000000000"])
def test_what_does_not_exist_is_not_found(cast: Cast, text: str) -> None:
    scope = browser(cast.acme.owner)
    assert refusal(scope, p.Start(agent=text)) == (4404, "unknown-agent")
    assert refusal(scope, p.Resume(conversation=text)) == (4404, "unknown-conversation")


@pytest.mark.parametrize("role", Role.values)
def test_another_tenant_finds_nothing(cast: Cast, agent: Agent, role: str) -> None:
    row = make_conversation(agent, cast.acme.member)
    scope = browser(getattr(cast.globex, role))
    resume = p.Resume(conversation=str(row.id))
    assert refusal(scope, start(agent)) == (4404, "unknown-agent")
    assert refusal(scope, resume) == (4404, "unknown-conversation")
    for key_holder in (start(agent, cast.globex.api_key), with_key(resume, cast.globex.api_key)):
        assert refusal(NO_COOKIE, key_holder)[0] == 4404


def with_key(resume: p.Resume, key: str) -> p.Resume:
    return p.Resume(resume.conversation, resume.epoch, resume.seq, key)


@pytest.mark.parametrize("colleague", ["owner", "reviewer"])
def test_a_colleague_cannot_go_on_with_it(cast: Cast, agent: Agent, colleague: str) -> None:
    resume = p.Resume(conversation=str(make_conversation(agent, cast.acme.member).id))
    told = refusal(browser(getattr(cast.acme, colleague)), resume)
    assert told == (4404, "unknown-conversation")


def test_a_persons_own_conversation_goes_on_where_it_was(cast: Cast, agent: Agent) -> None:
    row = make_conversation(agent, cast.acme.member)
    admitted = admit(browser(cast.acme.member), p.Resume(str(row.id), epoch=2, seq=7))
    assert (admitted.conversation_id, admitted.epoch, admitted.seq) == (row.id, 2, 7)
    assert admitted.hello.agent.name == "Shop"


def test_a_key_goes_on_with_its_tenants_conversations(cast: Cast, agent: Agent) -> None:
    row = make_conversation(agent, cast.acme.member)
    admitted = admit(NO_COOKIE, p.Resume(str(row.id), key=cast.acme.api_key))
    assert admitted.conversation_id == row.id


def test_the_page_is_told_when_the_model_is_simulated(cast: Cast, agent: Agent) -> None:
    with tenant_scope(cast.acme.tenant.id):
        Credential.objects.create(
            tenant=cast.acme.tenant,
            name="simulator",
            kind=Credential.Kind.API_KEY,
            endpoint=Credential.Endpoint.DEVELOPER,
            base_url="http://127.0.0.1:1",
            is_primary=True,
        )
    assert admit(browser(cast.acme.member), start(agent)).hello.simulated is True


# --- on what ground -------------------------------------------------------------------


def test_the_ground_is_the_session_or_the_key(cast: Cast, agent: Agent) -> None:
    scope = browser(cast.acme.member)
    ground = admit(scope, start(agent)).ground
    assert (ground.tenant_id, ground.user_id) == (cast.acme.tenant.pk, cast.acme.member.pk)
    assert ground.session_key == Session.objects.get().session_key
    assert ground.session_key.encode() not in scope["headers"][1][1], "a name, and no secret"
    assert ground.api_key_id is None
    key, text = create_api_key(cast.acme.tenant, "test", ["talk"])
    assert admit(scope, start(agent, text)).ground == Ground(cast.acme.tenant.pk, api_key_id=key.pk)


def test_a_second_factor_that_is_required_comes_first(cast: Cast, agent: Agent) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(requires_mfa=True)
    code = refusal(browser(cast.acme.member), start(agent))
    assert code == (p.Close.NOT_ALLOWED, "second-factor-required")


# --- limits ---------------------------------------------------------------------------


def test_a_limit_refuses_before_anything_begins(cast: Cast, agent: Agent) -> None:
    limit(cast.acme.tenant, "member_limits", sessions=1)
    scope = browser(cast.acme.member)
    first = opened(admit(scope, start(agent)))
    assert refusal(scope, start(agent)) == (p.Close.LIMIT_REACHED, "too-many-conversations")
    with platform_scope("test"):
        assert Conversation.objects.get() == first
    # The one that has a place goes on, and others have their own.
    assert admit(scope, p.Resume(str(first.pk))).conversation_id == first.pk
    opened(admit(browser(cast.acme.owner), start(agent)))
    opened(admit(NO_COOKIE, start(agent, cast.acme.api_key)))


def test_a_used_up_budget_says_when_to_come_back(cast: Cast, agent: Agent) -> None:
    limit(cast.acme.tenant, day_minutes=10)
    used(cast.acme.tenant, minutes=10)
    with pytest.raises(Refused) as caught:
        admit(NO_COOKIE, start(agent, cast.acme.api_key))
    error = caught.value.error
    assert (error.code, caught.value.close_code) == ("budget-exhausted", 4402)
    assert 0 < (error.retry_after_s or 0) <= 86_401
    with platform_scope("test"):
        # Staff were told of both thresholds, though the transaction was refused.
        assert BudgetNotice.objects.filter(tenant=cast.acme.tenant).count() == 2
        assert not Conversation.objects.exists()


def test_what_was_paused_needs_a_budget_too(cast: Cast, agent: Agent) -> None:
    paused = make_open(agent, cast.acme.member, ago(minutes=5))
    scope = browser(cast.acme.member)
    limit(agent, month_spend_micros=1)
    used(cast.acme.tenant, agent.pk, spent=1)
    told = (p.Close.LIMIT_REACHED, "budget-exhausted")
    assert refusal(scope, p.Resume(str(paused.pk))) == told
    limit(agent)
    assert admit(scope, p.Resume(str(paused.pk))).conversation_id == paused.pk


def test_the_limits_of_messages_are_told_at_the_door(cast: Cast, agent: Agent) -> None:
    plain = admit(browser(cast.acme.member), start(agent)).hello.limits
    assert plain == p.Limits(text_chars=p.TEXT_CHARS, texts_per_min=None)
    limit(agent, message_chars=200, messages_per_min=6)
    told = admit(browser(cast.acme.member), start(agent)).hello.limits
    assert told == p.Limits(text_chars=200, texts_per_min=6)


# --- drafts -----------------------------------------------------------------------------


def test_editors_talk_to_a_draft_and_nobody_else(cast: Cast, agent: Agent) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        draft = save_draft(agent, {**content_of(agent), "prompt": "New."}, None, timezone.now())
    first = p.Start(agent=str(agent.pk), draft=True)
    opened = admit(browser(cast.acme.developer), first)
    with tenant_scope(cast.acme.tenant.pk):
        assert Conversation.objects.get(pk=opened.conversation_id).version == draft
    usual = admit(browser(cast.acme.developer), start(agent))
    with tenant_scope(cast.acme.tenant.pk):
        version = Conversation.objects.get(pk=usual.conversation_id).version
    assert version is not None
    assert (version.number, version.state) == (1, "published")
    with pytest.raises(Refused) as refused:
        admit(browser(cast.acme.member), first)
    assert refused.value.error.code == "not-allowed"


def test_without_a_draft_there_is_none_to_try(cast: Cast, agent: Agent) -> None:
    with pytest.raises(Refused) as refused:
        admit(browser(cast.acme.developer), p.Start(agent=str(agent.pk), draft=True))
    assert refused.value.error.code == "unknown-draft"


# --- who looks on, who waits ------------------------------------------------------------


def watching(row: Conversation, key: str | None = None) -> p.Resume:
    return p.Resume(str(row.id), key=key, mode="observe")


@pytest.mark.parametrize("role", Role.values)
def test_reviewers_look_on_and_it_is_noted(cast: Cast, agent: Agent, role: str) -> None:
    row = make_open(agent, cast.acme.member, ago(minutes=5))
    user = getattr(cast.acme, role)
    if role == Role.DEVELOPER:
        assert refusal(browser(user), watching(row)) == (4404, "unknown-conversation")
        return
    admitted = admit(browser(user), watching(row))
    assert (admitted.hello.mode, admitted.visit.mode) == ("observe", "observe")
    with platform_scope("test"):
        assert not Lease.objects.with_place().exists(), "looking on takes no place"
        noted = AuditEntry.objects.filter(object_id=str(row.pk))
        if role == Role.MEMBER:
            assert admitted.watcher == "", "the person's own second tab"
            assert not noted.exists()
            return
        assert admitted.ground.permission == Permission.REVIEW_CONVERSATIONS
        note_departure(admitted)
        actions = noted.filter(actor=f"user:{user.pk}").order_by("id")
        found = list(actions.values_list("action", flat=True))
        assert found == ["conversation.watched", "conversation.watch-ended"]


@pytest.mark.parametrize("role", Role.values)
def test_another_tenants_staff_find_nothing_to_look_on(cast: Cast, agent: Agent, role: str) -> None:
    row = make_open(agent, cast.acme.member, ago(minutes=5))
    told = (4404, "unknown-conversation")
    assert refusal(browser(getattr(cast.globex, role)), watching(row)) == told
    assert refusal(NO_COOKIE, watching(row, cast.globex.api_key)) == told
    with platform_scope("test"):
        assert not AuditEntry.objects.filter(object_id=str(row.pk)).exists()


def test_a_key_that_reads_may_look_on_and_no_more(cast: Cast, agent: Agent) -> None:
    row = make_open(agent, cast.acme.member, ago(minutes=5))
    _, key = create_api_key(cast.acme.tenant, "reader", ["read"])
    assert admit(NO_COOKIE, watching(row, key)).watcher.startswith("key:")
    taking = p.Resume(str(row.id), key=key, mode="join")
    assert refusal(NO_COOKIE, taking) == (4403, "not-allowed")


def full() -> None:
    WorkerProcess.objects.enrol("w", "tcp://w:1", 1)
    WorkerProcess.objects.report("w", drained=False, has_room=False, lag_ms=0)


def test_people_wait_for_room_and_programs_are_told_when_to_ask(cast: Cast, agent: Agent) -> None:
    full()
    key = cast.acme.api_key
    assert admit(browser(cast.acme.member), start(agent)).visit.waits
    assert admit(NO_COOKIE, p.Start(str(agent.id), key, wait=True)).visit.waits
    impatient = p.Start(str(agent.id), wait=False)
    for scope, first in ((NO_COOKIE, start(agent, key)), (browser(cast.acme.owner), impatient)):
        with pytest.raises(Refused) as caught:
            admit(scope, first)
        assert (caught.value.close_code, caught.value.error.code) == (4402, "capacity-full")
        assert caught.value.error.retry_after_s == RETRY_S
    with platform_scope("test"):
        assert Conversation.objects.count() == 2


def test_what_was_begun_for_nothing_ends(cast: Cast, agent: Agent) -> None:
    admitted = admit(NO_COOKIE, start(agent, cast.acme.api_key))
    assert not admitted.visit.waits
    full()
    assert give_back(admitted).error.code == "capacity-full"
    with platform_scope("test"):
        assert Conversation.objects.get().end_reason == EndReason.CAPACITY_FULL
        assert not Lease.objects.exists()
    resumed = make_open(agent, cast.acme.member, ago(minutes=5))
    give_back(admit(NO_COOKIE, p.Resume(str(resumed.id), key=cast.acme.api_key)))
    with platform_scope("test"):
        assert Lease.objects.filter(conversation=resumed).exists(), "it can go on later"


# --- recording ----------------------------------------------------------------------------


def test_who_agrees_is_recorded_and_it_is_noted_who_said_so(cast: Cast, agent: Agent) -> None:
    allow_recording(agent, Agent.Recorded.REQUIRED)
    scope, first = browser(cast.acme.member), start(agent)
    assert refusal(scope, first) == (p.Close.NOT_ALLOWED, "consent-needed")
    outdated = replace(first, consent="2020-01.30")
    assert refusal(scope, outdated) == (p.Close.NOT_ALLOWED, "consent-outdated")
    talk = opened(admit(scope, replace(first, consent="2026-11.30")))
    with platform_scope("test"):
        assert Consent.objects.get(conversation=talk).given_by == f"user:{cast.acme.member.pk}"
        assert Conversation.objects.count() == 1


def test_who_is_only_asked_may_talk_unrecorded(cast: Cast, agent: Agent) -> None:
    allow_recording(agent)
    talk = opened(admit(NO_COOKIE, start(agent, cast.acme.api_key)))
    with platform_scope("test"):
        assert not Consent.objects.filter(conversation=talk).exists()


# --- tokens -------------------------------------------------------------------------------


def token_for(agent: Agent, user: str = "", **wanted: Any) -> str:
    end_user = EndUser(user, user.title()) if user else None
    caller = Caller(agent.tenant_id, api_key_id=agent.tenant_id)
    with tenant_scope(agent.tenant_id):
        fields = {"agent": agent, "end_user": end_user, **wanted}
        return mint(caller, Wanted(**fields), timezone.now())[1]


def uses_of(token: str) -> int:
    with platform_scope("test"):
        return int(AccessToken.objects.get(prefix=token.split("_")[2]).used)


def test_a_token_opens_a_conversation_of_its_user(cast: Cast, agent: Agent) -> None:
    limit(cast.acme.tenant, length_ms=90_000)
    token = token_for(agent, "ada", media=[Medium.TEXT], limits=Limits(length_ms=60_000))
    admitted = admit(NO_COOKIE, start(agent, token))
    row = opened(admitted)
    assert (row.user_id, row.end_user, row.end_user_name) == (None, "ada", "Ada")
    assert admitted.ground == Ground(cast.acme.tenant.pk, access_token_id=row.access_token_id)
    assert admitted.media == {Medium.TEXT}
    assert admitted.visit.waits, "a person stands in line"
    assert standings([row.pk])[row.pk].bounds.length_ms == 60_000
    assert refusal(NO_COOKIE, start(agent, token)) == (4402, "token-used-up")
    assert uses_of(token) == 1


def test_a_token_is_for_its_agent_and_for_what_is_published(cast: Cast, agent: Agent) -> None:
    theirs, other = make_agent(cast.globex.tenant), make_agent(cast.acme.tenant, "other")
    token = token_for(agent)
    for wrong in (theirs, other):
        assert refusal(NO_COOKIE, start(wrong, token)) == (4404, "unknown-agent")
    draft = replace(start(agent, token), draft=True)
    assert refusal(NO_COOKIE, draft) == (4403, "not-allowed")
    assert uses_of(token) == 0, "what is refused is no use"


@pytest.mark.parametrize("mode", ["take", "observe"])
def test_a_token_goes_on_with_what_is_its_users(cast: Cast, agent: Agent, mode: Any) -> None:
    first = token_for(agent, "ada")
    hers = opened(admit(NO_COOKIE, start(agent, first)))
    persons = make_open(agent, cast.acme.member, ago(minutes=1))
    theirs = make_open(make_agent(cast.globex.tenant), cast.globex.member, ago(minutes=1))
    again, other, nobody = token_for(agent, "ada"), token_for(agent, "eve"), token_for(agent)

    def resume(row: Conversation, token: str) -> p.Resume:
        return p.Resume(str(row.id), key=token, mode=mode)

    for token in (first, again):
        assert admit(NO_COOKIE, resume(hers, token)).conversation_id == hers.pk
    for row, token in ((hers, other), (hers, nobody), (persons, first), (theirs, first)):
        assert refusal(NO_COOKIE, resume(row, token)) == (4404, "unknown-conversation")
    assert [uses_of(token) for token in (first, again)] == [1, 0], "going on is no use"
    with platform_scope("test"):
        assert not AuditEntry.objects.filter(action="conversation.watched").exists()


def test_a_use_is_given_back_when_no_worker_has_room(agent: Agent) -> None:
    token = token_for(agent)
    admitted = admit(NO_COOKIE, start(agent, token))
    full()
    give_back(admitted)
    assert uses_of(token) == 0
