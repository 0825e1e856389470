"""Rows of recordings: one for each piece, and none without its conversation."""

import pytest
from django.db import IntegrityError, transaction

from accounts.tenancy import tenant_scope
from conversations.models import Agent, Consent, Conversation, Recording
from tests.conversations.recordings.takes import agree
from tests.conversations.talks import make_conversation
from tests.permissions.furniture import furnish_recording

pytestmark = pytest.mark.django_db


def test_a_piece_is_there_once_and_goes_with_its_conversation(agent: Agent) -> None:
    talk = make_conversation(agent, None)
    agree(agent, talk)
    with tenant_scope(agent.tenant_id):
        assert str(furnish_recording(talk)) == "user from 0 ms"
        with pytest.raises(IntegrityError), transaction.atomic():
            furnish_recording(talk)
        Conversation.objects.filter(pk=talk.pk).delete()
        assert not Recording.objects.exists()
        assert not Consent.objects.exists()
