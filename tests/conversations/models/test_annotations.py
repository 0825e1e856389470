"""Notes and tags go with what they are about."""

import pytest
from django.db import IntegrityError, transaction

from accounts.tenancy import tenant_scope
from conversations.models import Agent, Note, Tag, Turn
from tests.conversations.talks import make_conversation


def test_they_go_with_their_conversation(agent: Agent) -> None:
    row = make_conversation(agent, None)
    with tenant_scope(agent.tenant_id):
        turn = Turn.objects.filter(conversation=row).first()
        whole = Note.objects.create(conversation=row, text="All", written_by="system")
        Note.objects.create(conversation=row, turn=turn, text="One", written_by="system")
        tag = Tag.objects.create(conversation=row, name="shoes", added_by="system")
        assert (str(whole), str(tag)) == (f"note {whole.pk}", "shoes")
        with pytest.raises(IntegrityError), transaction.atomic():
            Tag.objects.create(conversation=row, name="shoes", added_by="system")
        Turn.objects.filter(conversation=row).delete()
        assert list(Note.objects.all()) == [whole]
        row.delete()
        assert not Note.objects.exists()
        assert not Tag.objects.exists()
