"""What a new host finds: the conversation as the last one left it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.credentials import (
    CredentialMalformed,
    CredentialOutOfService,
    NoCredential,
    set_secret,
)
from accounts.models import Credential
from conversations.models import Agent, Conversation, Lease
from conversations.states import ConversationState, Speaker, TurnState
from conversations.worker.loading import claim
from tests.cast import Cast
from tests.conversations.talks import add_turn, ago, make_open

pytestmark = pytest.mark.usefixtures("all_tenants")

KEY = "a-key-of-google-s-own"


@pytest.fixture
def conversation(agent: Agent, cast: Cast) -> Conversation:
    return make_open(agent, cast.acme.member, ago(seconds=1))


@pytest.fixture
def credential(all_tenants: None, cast: Cast) -> Credential:
    made = Credential(
        tenant=cast.acme.tenant,
        name="simulator",
        kind=Credential.Kind.API_KEY,
        endpoint=Credential.Endpoint.DEVELOPER,
        base_url="http://127.0.0.1:9",
        is_primary=True,
    )
    set_secret(made, KEY)
    made.state = Credential.State.ACTIVE
    made.save()
    return made


@pytest.mark.usefixtures("credential")
def test_a_new_host_finds_what_the_last_one_stored(conversation: Conversation) -> None:
    Conversation.objects.filter(id=conversation.id).update(started_at=ago(seconds=100))
    lease = conversation.lease
    lease.sealed_handle = lease.seal_handle("handle-1")
    lease.save()
    add_turn(conversation, 9, "The price", Speaker.AGENT, TurnState.PARTIAL)
    case = claim(conversation.id, "one", "tcp://one:1")
    assert case is not None
    assert (case.conversation_id, case.tenant_id) == (conversation.id, conversation.tenant_id)
    assert (case.epoch, case.handle) == (2, "handle-1")
    assert case.age_s == pytest.approx(100, abs=5)
    assert case.picture.state == ConversationState.WAITING
    assert [(turn.text, turn.state) for turn in case.picture.turns] == [
        ("Do you have size 42?", TurnState.FINAL),
        ("Yes, two pairs in Lyon.", TurnState.FINAL),
        ("The price", TurnState.INTERRUPTED),
    ]
    assert case.line.endpoint.url.startswith("ws://127.0.0.1:9/")
    assert KEY not in repr(case)


@pytest.mark.usefixtures("credential")
def test_what_was_half_said_is_closed_for_good(conversation: Conversation) -> None:
    add_turn(conversation, 9, "How much", Speaker.USER, TurnState.PARTIAL)
    add_turn(conversation, 12, "The price", Speaker.AGENT, TurnState.PARTIAL)
    claim(conversation.id, "one", "tcp://one:1")
    states = [turn.state for turn in conversation.turns.filter(first_seq__gte=9)]
    assert states == [TurnState.FINAL, TurnState.INTERRUPTED]


@pytest.mark.usefixtures("credential")
def test_another_conversations_half_turns_stay(
    agent: Agent, cast: Cast, conversation: Conversation
) -> None:
    other = make_open(agent, cast.acme.member, timezone.now() + timedelta(minutes=1))
    add_turn(other, 9, "The price", Speaker.AGENT, TurnState.PARTIAL)
    claim(conversation.id, "one", "tcp://one:1")
    assert other.turns.get(first_seq=9).state == TurnState.PARTIAL


@pytest.mark.usefixtures("credential")
def test_who_does_not_win_gets_nothing(agent: Agent, cast: Cast) -> None:
    held = make_open(agent, cast.acme.member, timezone.now() + timedelta(minutes=1))
    add_turn(held, 9, "The price", Speaker.AGENT, TurnState.PARTIAL)
    assert claim(held.id, "one", "tcp://one:1") is None
    assert held.turns.get(first_seq=9).state == TurnState.PARTIAL


def test_without_a_credential_it_cannot_start(conversation: Conversation) -> None:
    with pytest.raises(NoCredential):
        claim(conversation.id, "one", "tcp://one:1")


def test_another_tenants_credential_is_no_help(conversation: Conversation, cast: Cast) -> None:
    made = Credential(
        tenant=cast.globex.tenant, name="theirs", kind=Credential.Kind.API_KEY, is_primary=True
    )
    set_secret(made, KEY)
    made.save()
    with pytest.raises(NoCredential):
        claim(conversation.id, "one", "tcp://one:1")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"state": Credential.State.REVOKED}, CredentialOutOfService),
        ({"base_url": "ftp://nowhere"}, CredentialMalformed),
    ],
)
def test_a_credential_that_cannot_be_used_is_told(
    conversation: Conversation,
    credential: Credential,
    fields: dict[str, str],
    error: type[Exception],
) -> None:
    Credential.objects.filter(pk=credential.pk).update(**fields)
    with pytest.raises(error):
        claim(conversation.id, "one", "tcp://one:1")


@pytest.mark.usefixtures("credential")
def test_a_handle_that_does_not_open_means_a_fresh_session(conversation: Conversation) -> None:
    Lease.objects.update(sealed_handle=b"spoilt")
    case = claim(conversation.id, "one", "tcp://one:1")
    assert case is not None
    assert case.handle is None


def test_a_test_goes_to_the_simulator_also_when_it_changes_lines(
    conversation: Conversation, credential: Credential
) -> None:
    Credential.objects.filter(pk=credential.pk).update(
        base_url="https://generativelanguage.googleapis.com"
    )
    Conversation.objects.filter(pk=conversation.pk).update(is_test=True)
    with pytest.raises(NoCredential):
        claim(conversation.id, "one", "tcp://one:1")
    Credential.objects.filter(pk=credential.pk).update(base_url="http://127.0.0.1:9")
    Lease.objects.update(expires_at=ago(seconds=1))
    case = claim(conversation.id, "two", "tcp://two:1")
    assert case is not None
    assert case.is_test
    assert case.line.credential_id == credential.pk
