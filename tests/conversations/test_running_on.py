import uuid

import pytest
from django.utils import timezone

from accounts.models import Credential
from accounts.rotation.sessions import sessions_on
from conversations.models import Agent, Lease
from conversations.worker.loading import claim
from tests.accounts.failover.rows import credential
from tests.cast import Cast
from tests.conversations.talks import ago, make_open

pytestmark = pytest.mark.usefixtures("all_tenants")


def test_a_conversation_counts_while_a_worker_holds_it(agent: Agent, cast: Cast) -> None:
    held_on = credential(cast.acme.tenant, is_primary=True, created_at=timezone.now())
    idle = credential(cast.acme.tenant, name="idle")
    first, second = (make_open(agent, cast.acme.member, ago(seconds=1)) for _ in range(2))
    for conversation in (first, second):
        assert claim(conversation.id, "one", "tcp://one:1") is not None
    asked = [held_on.pk, idle.pk, uuid.uuid4()]
    assert sessions_on(asked) == {held_on.pk: 2}
    Lease.objects.release(first.id, "one", 2)
    assert sessions_on(asked)[held_on.pk] == 1
    Lease.objects.filter(conversation=second).update(expires_at=ago(seconds=1))
    assert sessions_on(asked).get(held_on.pk, 0) == 0
    Credential.objects.filter(pk=held_on.pk).delete()
    assert Lease.objects.get(conversation=second).credential_id is None
