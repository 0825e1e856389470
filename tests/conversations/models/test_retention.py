import pytest
from django.db import IntegrityError, transaction

from accounts.tenancy import tenant_scope
from conversations.models import Conversation, LegalHold, on_hold
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db


def test_a_hold_covers_one_thing(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        for wrong in ({"covers": "end-user"}, {"covers": "tenant", "end_user": "c-1"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                LegalHold.objects.create(why="Case 12", placed_by="system", **wrong)
        assert not LegalHold.objects.exists()


def test_who_is_held_is_held_in_every_conversation_and_in_one_organisation(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    hers, another = (make_conversation(agent, None, end_user=name) for name in ("1", "2"))
    elsewhere = make_conversation(make_agent(cast.globex.tenant), None, end_user="1")
    with tenant_scope(cast.acme.tenant.pk):
        LegalHold.objects.create(covers="end-user", end_user="1", why="Case 12", placed_by="x")
        held = Conversation.objects.filter(on_hold())
        assert (hers in held, another in held) == (True, False)
    with tenant_scope(cast.globex.tenant.pk):
        assert elsewhere not in Conversation.objects.filter(on_hold())
