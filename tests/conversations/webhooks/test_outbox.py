"""What is announced is there exactly if the transaction is, once, for those who want to know."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import tenant_scope
from config.celery import app
from conversations.models import WebhookKind
from conversations.webhooks import outbox
from conversations.webhooks.outbox import Announcement, OutsideTransaction, announce, announce_all
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.webhooks.rows import deliveries, make_endpoint, tell

Kind = WebhookKind


@pytest.mark.django_db
def test_it_is_written_for_those_who_want_to_know(cast: Cast) -> None:
    tenant = cast.acme.tenant
    all_kinds = make_endpoint(tenant)
    make_endpoint(tenant, kinds=["turn.final"])
    make_endpoint(tenant, is_on=False)
    make_endpoint(cast.globex.tenant)
    tell(tenant)
    [delivery] = deliveries()
    assert delivery.endpoint == all_kinds
    assert delivery.event.data == {"export": "one"}
    assert (delivery.state, delivery.tries) == ("waiting", 0)


@pytest.mark.django_db
def test_the_same_again_is_the_same_event(cast: Cast) -> None:
    tenant = cast.acme.tenant
    make_endpoint(tenant)
    make_endpoint(cast.globex.tenant)
    for _ in range(2):
        tell(tenant)
    tell(tenant, "two")
    tell(tenant, kind="credential.failing")
    tell(cast.globex.tenant)
    found = deliveries()
    assert len(found) == len({row.event.message_id for row in found}) == 4
    assert all(row.event.message_id.startswith("msg_") for row in found)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_told(cast: Cast) -> None:
    tenant = cast.acme.tenant
    make_endpoint(tenant)
    with tenant_scope(tenant.pk), transaction.atomic():
        announce(Kind.EXPORT_READY, tenant.pk, {}, subject="one")
        transaction.set_rollback(True)
    assert deliveries() == []


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_announced() -> None:
    with pytest.raises(OutsideTransaction):
        announce_all([Announcement(Kind.EXPORT_READY, uuid4(), "one", {})])


@pytest.mark.django_db
def test_however_many_there_are_it_takes_a_few_statements(cast: Cast) -> None:
    tenant = cast.acme.tenant
    talk = make_conversation(make_agent(tenant), cast.acme.member)
    told = [
        Announcement(Kind.TURN_FINAL, tenant.pk, f"{number}", {}, talk.pk) for number in range(50)
    ]
    with tenant_scope(tenant.pk), transaction.atomic():
        with CaptureQueriesContext(connection) as alone:
            announce_all(told)
        assert len(alone) == 1, "nobody listens"
    for _ in range(3):
        make_endpoint(tenant)
    with tenant_scope(tenant.pk), transaction.atomic(), CaptureQueriesContext(connection) as heard:
        announce_all(told)
    assert len(heard) <= 7  # two of them within savepoints
    assert len(deliveries()) == 150


@pytest.mark.django_db
def test_nobody_announces_for_another_tenant(cast: Cast) -> None:
    make_endpoint(cast.globex.tenant)
    with tenant_scope(cast.acme.tenant.pk), transaction.atomic():
        announce(Kind.EXPORT_READY, cast.globex.tenant.pk, {}, subject="one")
    assert deliveries() == []


@pytest.mark.django_db(transaction=True)
def test_a_hint_follows_the_commit_and_a_dead_broker_holds_nobody_up(
    cast: Cast, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_endpoint(cast.acme.tenant)
    sent: list[str] = []

    class Broker:
        def send_task(self, name: str, **_: object) -> None:
            sent.append(name)
            if len(sent) == 1:
                raise OSError("connection refused")

    outbox.HINTS.submit(int).result(5)
    monkeypatch.setattr(outbox, "current_app", Broker())
    for subject in ("one", "two"):
        tell(cast.acme.tenant, subject)
        outbox.HINTS.submit(int).result(5)
    assert sent == [outbox.TASK, outbox.TASK]
    assert outbox.TASK in app.tasks
    assert "beat looks for them" in caplog.text
