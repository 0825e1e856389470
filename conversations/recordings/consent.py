"""Whether what is heard is kept: the organisation's rule, the agent's, and what a person said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from accounts.models import Tenant
from conversations.models import Agent, Consent, Conversation, Event
from conversations.states import RECORDING_STOPPED

# Another text, another version: it stands in each consent that was given to it.
TEXT_VERSION: Final = "2026-11"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person is asked. `is_required`: without a yes there is no conversation."""

    is_required: bool
    kept_days: int

    @property
    def version(self) -> str:
        """Names the text with what it promises: `2026-11.30` is kept for 30 days."""
        return f"{TEXT_VERSION}.{self.kept_days}"

    @property
    def text(self) -> str:
        days = "1 day" if self.kept_days == 1 else f"{self.kept_days} days"
        return (
            "The sound of this conversation, what you say and what the agent says, is recorded "
            f"and kept for {days}. Reviewers of the organisation can listen to it; who does is "
            "noted. You can stop the recording at any time."
        )

    def as_json(self) -> dict[str, Any]:
        """What the page's script has to know."""
        return {"required": self.is_required, "version": self.version}


class ConsentRefused(Exception):
    """What was agreed to is not what holds: `terms`."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms.version)
        self.terms = terms


class ConsentNeeded(ConsentRefused):
    """Nobody talks to this agent without being recorded."""


class ConsentOutdated(ConsentRefused):
    """The person has agreed to another text."""


def terms_of(agent: Agent) -> Terms | None:
    """What to ask of people who talk to the agent; None where nothing is recorded."""
    if agent.recording == Agent.Recorded.OFF:
        return None
    tenant = Tenant.objects.get(pk=agent.tenant_id)
    if not tenant.allows_recording:
        return None
    return Terms(agent.recording == Agent.Recorded.REQUIRED, tenant.recordings_kept_days)


def check_consent(agent: Agent, version: str | None) -> Terms | None:
    """Return the terms that were agreed to; None if the conversation is not recorded.

    Raises ConsentNeeded or ConsentOutdated.
    """
    terms = terms_of(agent)
    if terms is None:
        return None
    if version is None:
        if terms.is_required:
            raise ConsentNeeded(terms)
        return None
    if version != terms.version:
        raise ConsentOutdated(terms)
    return terms


def note_consent(conversation: Conversation, terms: Terms, given_by: str, now: datetime) -> Consent:
    consent: Consent = Consent.objects.create(
        tenant_id=conversation.tenant_id,
        conversation=conversation,
        given_by=given_by,
        text_version=terms.version,
        kept_until=now + timedelta(days=terms.kept_days),
    )
    return consent


def is_recorded(conversation: Conversation) -> bool:
    """Whether a worker that takes the conversation on keeps what is heard."""
    consents = Consent.objects.filter(
        conversation=conversation, conversation__tenant__allows_recording=True
    )
    stopped = Event.objects.filter(conversation=conversation, kind=RECORDING_STOPPED)
    return consents.exists() and not stopped.exists()
