"""When a conversation is recorded, and when it cannot begin."""

import pytest
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from conversations.models import Agent, Consent, Conversation, Event
from conversations.recordings.consent import (
    ConsentNeeded,
    ConsentOutdated,
    check_consent,
    is_recorded,
    note_consent,
    terms_of,
)
from conversations.states import RECORDING_STOPPED
from tests.conversations.recordings.takes import allow_recording

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_tenants")]

State = Agent.Recorded


def with_rule(agent: Agent, recorded: str) -> Agent:
    allow_recording(agent, recorded)
    return Agent.objects.get(pk=agent.pk)


def test_nothing_is_recorded_unless_both_say_so(agent: Agent) -> None:
    assert (agent.recording, agent.tenant.allows_recording) == (State.OFF, False)
    assert check_consent(agent, "2026-11.30") is None
    asked = with_rule(agent, State.ASKED)
    assert terms_of(asked) is not None
    Tenant.objects.update(allows_recording=False)
    assert terms_of(asked) is None


def test_who_does_not_agree_talks_unrecorded_or_not_at_all(agent: Agent) -> None:
    assert check_consent(with_rule(agent, State.ASKED), None) is None
    with pytest.raises(ConsentNeeded):
        check_consent(with_rule(agent, State.REQUIRED), None)


def test_another_promise_is_another_text(agent: Agent) -> None:
    asked = with_rule(agent, State.ASKED)
    terms = check_consent(asked, "2026-11.30")
    assert terms is not None
    assert "kept for 30 days" in terms.text
    Tenant.objects.update(recordings_kept_days=1)
    with pytest.raises(ConsentOutdated) as refused:
        check_consent(asked, terms.version)
    assert "kept for 1 day." in refused.value.terms.text


def test_a_consent_holds_until_the_person_stops_it_or_the_organisation_does(agent: Agent) -> None:
    asked = with_rule(agent, State.ASKED)
    with tenant_scope(agent.tenant_id):
        silent = Conversation.objects.create(agent=agent)
        conversation = Conversation.objects.create(agent=agent)
        terms, now = terms_of(asked), timezone.now()
        assert terms is not None
        note_consent(conversation, terms, "user:1", now)
    consent = Consent.objects.get(conversation=conversation)
    assert (consent.given_by, consent.text_version) == ("user:1", "2026-11.30")
    assert (consent.kept_until - now).days == 30
    assert (is_recorded(conversation), is_recorded(silent)) == (True, False)
    Tenant.objects.update(allows_recording=False)
    assert not is_recorded(conversation)
    Tenant.objects.update(allows_recording=True)
    Event.objects.create(
        tenant_id=agent.tenant_id,
        conversation=conversation,
        epoch=1,
        seq=1,
        kind=RECORDING_STOPPED,
        ms=0,
    )
    assert not is_recorded(conversation)
