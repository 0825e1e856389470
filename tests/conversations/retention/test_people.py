from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.callers import Caller, EndUser
from accounts.members import LastOwner
from accounts.models import Membership, Tenant, User
from accounts.roles import Role
from accounts.tenancy import tenant_scope
from config.celery import app
from conversations.access_tokens import Wanted, caller_from_access_token, mint
from conversations.models import (
    AccessToken,
    Agent,
    Conversation,
    Erasure,
    Export,
    Lease,
    Note,
    Turn,
    UsageDay,
)
from conversations.retention.holds import OnHold, lift_hold
from conversations.retention.people import ask_to_erase, erase, sweep_erasures
from conversations.retention.person import Person
from conversations.states import ConversationState
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.retention.kept import audited, flacs, full_talk, hold, rows_of, used
from tests.conversations.talks import make_agent, make_open

pytestmark = pytest.mark.django_db


@pytest.fixture
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def owner_of(cast: Cast) -> Caller:
    return Caller(cast.acme.tenant.pk, user_id=cast.acme.owner.pk, role=Role.OWNER)


def asked(cast: Cast, person: Person, clock: Clock) -> Erasure:
    with tenant_scope(cast.acme.tenant.pk):
        return ask_to_erase(person, by=owner_of(cast), now=clock.now)


def stored(erasure: Erasure) -> Erasure:
    with tenant_scope(erasure.tenant_id):
        row: Erasure = Erasure.objects.get(pk=erasure.pk)
    return row


def texts(tenant: Tenant, talk: Conversation) -> list[str]:
    with tenant_scope(tenant.pk):
        return list(Turn.objects.filter(conversation=talk).values_list("text", flat=True))


def test_a_member_goes_and_what_others_said_stays_without_names(
    cast: Cast,
    agent: Agent,
    files: Path,
    clock: Clock,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    acme, member = cast.acme.tenant, cast.acme.member
    User.objects.filter(pk=member.pk).update(name="Ada")
    talk, other = full_talk(agent, member), full_talk(agent, cast.acme.admin)
    theirs = full_talk(make_agent(cast.globex.tenant), cast.globex.member)
    used(acme, member, cast.acme.admin)
    with tenant_scope(acme.pk):
        Note.objects.filter(conversation=other).update(written_by=f"user:{member.pk}")
        Export.objects.create(format="jsonl", state="ready", asked_by="system", keep_days=7)
    before = rows_of(other), rows_of(theirs)
    erasure = asked(cast, Person(user_id=member.pk), clock)
    assert asked(cast, Person(user_id=member.pk), clock) == erasure
    with django_capture_on_commit_callbacks(execute=True):
        assert erase(erasure.pk, clock=clock)
    assert rows_of(talk) == {"Conversation": 1, "Turn": 1, "Tag": 1, "Usage": 1}
    assert texts(acme, talk) == ["Yes, [name]: two pairs, and [phone] is noted."]
    assert (rows_of(other), rows_of(theirs)) == before
    assert flacs(files) == 4
    assert not User.objects.filter(pk=member.pk).exists()
    with tenant_scope(acme.pk):
        shell = Conversation.objects.get(pk=talk.pk)
        assert (shell.user_id, shell.first_words, shell.state) == (None, "", "ended")
        days = dict(UsageDay.objects.values_list("subject", "talked_ms"))
        assert days == {acme.pk: 60_000, cast.acme.admin.pk: 60_000}
        assert Note.objects.get(conversation=other).written_by == "erased"
        assert not Export.objects.exists()
    done = stored(erasure)
    assert (done.state, done.finished_at) == ("done", clock.now)
    for noun in ("conversations", "turns", "accounts", "memberships", "exports", "days of use"):
        assert done.counts[noun] == 1, noun
    [entry] = audited(acme, "person.erased")
    assert entry.after == {"fingerprint": done.fingerprint, "counts": done.counts}


def test_a_programs_user_goes_with_the_tokens_and_the_running_talk(
    cast: Cast, agent: Agent, clock: Clock
) -> None:
    acme = cast.acme.tenant
    full_talk(agent, None, end_user="c-1", end_user_name="Ada")
    other = full_talk(agent, None, end_user="c-2")
    running = make_open(agent, None, clock.now + timedelta(hours=1), end_user="c-1")  # type: ignore[arg-type]
    before = rows_of(other)
    with tenant_scope(acme.pk):
        wanted = Wanted(agent=agent, end_user=EndUser("c-1", "Ada"))
        _, text = mint(Caller(acme.pk, api_key_id=acme.pk), wanted, timezone.now())
    erasure = asked(cast, Person(end_user="c-1"), clock)
    assert not erase(erasure.pk, clock=clock)  # a worker hosts one: it is told, and waited for
    assert stored(erasure).state == "running"
    assert caller_from_access_token(text) is None
    with tenant_scope(acme.pk):
        running.refresh_from_db()
        assert running.stop_reason == "staff-ended"
        assert Turn.objects.filter(conversation=running).count() == 2
        Lease.objects.filter(conversation=running).delete()
        Conversation.objects.filter(pk=running.pk).update(
            state=ConversationState.ENDED, ended_at=clock.now
        )
    assert erase(erasure.pk, clock=clock)
    done = stored(erasure)
    assert (done.end_user, done.counts["conversations"], done.counts["tokens"]) == ("", 2, 1)
    assert rows_of(other) == before
    with tenant_scope(acme.pk):
        assert not AccessToken.objects.exclude(end_user="").exists()
        assert not Conversation.objects.filter(end_user="c-1").exists()


def test_a_hold_refuses_it_and_stops_one_that_has_begun(
    cast: Cast, agent: Agent, clock: Clock
) -> None:
    acme, person = cast.acme.tenant, Person(end_user="c-1")
    talk = full_talk(agent, None, end_user="c-1")
    before = rows_of(talk)
    row = hold(acme, "conversation", conversation=talk)
    with pytest.raises(OnHold):
        asked(cast, person, clock)
    with tenant_scope(acme.pk):
        lift_hold(row, actor="system")
    erasure = asked(cast, person, clock)
    hold(acme)
    assert not erase(erasure.pk, clock=clock)
    assert stored(erasure).state == "stopped"
    assert len(audited(acme, "person.erasure-stopped")) == 1
    assert rows_of(talk) == before
    assert not erase(erasure.pk, clock=clock)


def test_the_last_owner_stays(cast: Cast, clock: Clock) -> None:
    with pytest.raises(LastOwner):
        asked(cast, Person(user_id=cast.acme.owner.pk), clock)
    with tenant_scope(cast.acme.tenant.pk):
        assert not Erasure.objects.exists()
        assert Membership.objects.filter(user=cast.acme.owner, state="active").exists()


def test_what_nobody_works_on_is_sent_for_again(
    cast: Cast, agent: Agent, clock: Clock, tasks_run_at_once: None
) -> None:
    full_talk(agent, None, end_user="c-1")
    erasure = asked(cast, Person(end_user="c-1"), Clock(timezone.now()))
    with tenant_scope(cast.acme.tenant.pk):
        Erasure.objects.update(lease_until=timezone.now() + timedelta(hours=1))
    sweep_erasures()
    assert stored(erasure).state == "waiting"
    with tenant_scope(cast.acme.tenant.pk):
        Erasure.objects.update(lease_until=timezone.now())
    sweep_erasures()
    assert stored(erasure).state == "done"
