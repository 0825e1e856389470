"""What waits arrives at a real receiver, however that behaves."""

from __future__ import annotations

import base64
import json
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core import mail
from django.utils import timezone

from accounts.models import AuditEntry, Tenant
from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from conversations.models import Turn, WebhookDelivery, WebhookEndpoint
from conversations.webhooks import delivering, outbox
from conversations.webhooks.asking import Tried
from conversations.webhooks.delivering import (
    LEASE,
    MOST_CLAIMS,
    MOST_OF_ONE,
    claim,
    deliver_due,
    note,
)
from conversations.webhooks.endpoints import rotate
from conversations.webhooks.schedule import MOST_TRIES, PAUSES
from conversations.webhooks.telling import tell_turns
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation
from tests.conversations.tools.shop import HOST, Reply, Shop, open_shop
from tests.conversations.webhooks.rows import (
    SECRET,
    allow_host,
    attempts,
    deliveries,
    fresh,
    make_endpoint,
    read,
    tell,
)

pytestmark = pytest.mark.django_db


def go(clock: Clock) -> int:
    return deliver_due(clock, chance=lambda: 0)


def test_an_event_arrives_signed(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Clock(timezone.now())
    tell(cast.acme.tenant)
    clock.now = timezone.now()
    assert go(clock) == 1
    [asked], [delivery] = receiver.asked, deliveries()
    told = read(asked)
    assert (told["type"], told["data"]) == ("export.ready", {"export": "one"})
    assert asked.headers["webhook-id"] == delivery.event.message_id
    assert asked.headers["Content-Type"] == "application/json"
    assert (delivery.state, delivery.tries, delivery.holder) == ("delivered", 1, None)
    [attempt] = attempts()
    assert (attempt.status, attempt.fault) == (200, "")
    assert fresh(endpoint).failing_since is None
    assert go(clock) == 0
    assert SECRET.removeprefix("whsec_") not in caplog.text


def test_one_that_fails_is_tried_for_three_days_with_the_same_id(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    receiver.replies = [Reply(500)]
    tell(cast.acme.tenant)
    began = clock()
    for pause in PAUSES:
        assert go(clock) == 1
        assert go(clock) == 0, "it waits"
        clock.pass_by(seconds=pause.total_seconds())
    assert fresh(endpoint).is_on
    assert go(clock) == 1
    [delivery] = deliveries()
    assert (delivery.state, delivery.tries) == ("failed", MOST_TRIES)
    assert clock() - began > timedelta(days=3)
    assert len({asked.headers["webhook-id"] for asked in receiver.asked}) == 1
    stamps = [asked.headers["webhook-timestamp"] for asked in receiver.asked]
    assert len(set(stamps)) == MOST_TRIES, "each try is signed anew"
    assert len(attempts()) == MOST_TRIES
    row = fresh(endpoint)
    assert (row.is_on, row.off_reason, row.failing_since) == (False, "failing", began)
    assert go(clock) == 0


def test_one_success_in_between_keeps_it_on(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    receiver.replies = [Reply(500)]
    tell(cast.acme.tenant, "never")
    go(clock)
    assert fresh(endpoint).failing_since == clock()
    tell(cast.acme.tenant, "once")
    clock.pass_by(seconds=1)
    receiver.replies = [Reply(200)]
    go(clock)
    assert fresh(endpoint).failing_since is None
    receiver.replies = [Reply(500)]
    for pause in PAUSES:
        clock.pass_by(seconds=pause.total_seconds())
        go(clock)
    assert [row.state for row in deliveries()] == ["failed", "delivered"]
    assert fresh(endpoint).is_on


@pytest.fixture
def mailing(settings: Any) -> Any:
    settings.EMAIL_URL = "smtp://localhost"
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def test_410_turns_it_off_and_those_who_look_after_it_are_told(
    cast: Cast,
    endpoint: WebhookEndpoint,
    receiver: Shop,
    clock: Clock,
    mailing: None,
    django_capture_on_commit_callbacks: Any,
) -> None:
    tell(cast.acme.tenant)
    receiver.replies = [Reply(410)]
    with django_capture_on_commit_callbacks(execute=True):
        go(clock)
    row = fresh(endpoint)
    assert (row.is_on, row.off_reason, row.off_at) == (False, "gone", clock())
    assert [each.state for each in deliveries()] == ["failed"]
    tell(cast.acme.tenant, "later")
    assert len(deliveries()) == 1, "nothing is written for one that is off"
    readers = sorted(letter.to[0] for letter in mail.outbox)
    assert readers == ["admin@acme.example", "developer@acme.example", "owner@acme.example"]
    assert mail.outbox[0].subject == "Parley: the webhook Shop was turned off"
    assert "410" in mail.outbox[0].body
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="webhookendpoint.turned-off")
    assert (entry.actor, entry.after) == ("system", {"reason": "gone"})


def test_a_receiver_that_asks_for_patience_gets_it(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    receiver.replies = [Reply(503, headers={"Retry-After": "600"})]
    tell(cast.acme.tenant)
    go(clock)
    assert deliveries()[0].due_at == clock() + timedelta(seconds=600)


def test_one_that_hangs_holds_nobody_else_up(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    let_go = threading.Event()
    receiver.replies = [Reply(hold=let_go)]
    for number in range(MOST_OF_ONE + 3):
        tell(cast.acme.tenant, f"{number}")
    with open_shop() as other:
        make_endpoint(cast.acme.tenant, other.url, name="Other", kinds=["turn.final"])
        tell(cast.acme.tenant, "quick", "turn.final", turn={"turn": "1.1"}, conversation="x")
        working = threading.Thread(target=let_go_when, args=(other, receiver, let_go))
        working.start()
        assert go(clock) == MOST_OF_ONE + 3 + 2
        working.join()
    assert {row.state for row in deliveries()} == {"delivered"}


def let_go_when(quick: Shop, slow: Shop, let_go: threading.Event) -> None:
    """The slow one answers only after the quick one has got its event."""
    assert quick.arrived.wait(10)
    assert len(slow.asked) <= MOST_OF_ONE
    let_go.set()


def test_a_lease_is_one_workers_until_it_is_over(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    tell(cast.acme.tenant)
    [mine] = claim(clock(), 10)
    assert claim(clock(), 10) == []
    clock.pass_by(seconds=LEASE.total_seconds())
    # The first worker was killed: it is due again.
    [theirs] = claim(clock(), 10)
    assert (theirs.pk, theirs.tries) == (mine.pk, 2)
    # The first one comes back late: that it tried is noted, and nothing else.
    note(mine, Tried("late", 1, 500, "refused"), clock(), 0)
    [row] = deliveries()
    assert (row.holder, row.state, row.due_at) == (theirs.holder, "waiting", theirs.due_at)
    note(theirs, Tried("ok", 1, 200), clock(), 0)
    assert [each.state for each in deliveries()] == ["delivered"]
    assert [each.summary for each in attempts()] == ["late", "ok"]


def test_what_kills_every_worker_is_given_up(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    tell(cast.acme.tenant)
    with platform_scope("test"):
        WebhookDelivery.objects.update(tries=MOST_CLAIMS)
    assert go(clock) == 0
    assert [row.state for row in deliveries()] == ["failed"]


def test_what_was_deleted_meanwhile_is_not_noted(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    tell(cast.acme.tenant)
    [mine] = claim(clock(), 10)
    with tenant_scope(cast.acme.tenant.pk):
        fresh(endpoint).delete()
    note(mine, Tried("ok", 1, 200), clock(), 0)
    assert attempts() == []


def test_suspended_and_off_wait(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    tell(cast.acme.tenant)
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=Tenant.State.SUSPENDED)
    assert go(clock) == 0
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=Tenant.State.ACTIVE)
    with platform_scope("test"):
        WebhookEndpoint.objects.update(is_on=False)
    assert go(clock) == 0
    with platform_scope("test"):
        WebhookEndpoint.objects.update(is_on=True)
    assert go(clock) == 1


def test_both_secrets_sign_while_one_is_replaced(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop
) -> None:
    tenant, now = cast.acme.tenant, timezone.now()
    with tenant_scope(tenant.pk):
        new = rotate(fresh(endpoint), "system", now, timedelta(hours=1))
    tell(tenant)
    go(Clock(timezone.now()))
    assert read(receiver.asked[0], new) == read(receiver.asked[0], SECRET)
    with platform_scope("test"):
        WebhookEndpoint.objects.update(old_secret_until=now)
    tell(tenant, "two")
    go(Clock(timezone.now()))
    read(receiver.asked[1], new)
    assert len(receiver.asked[1].headers["webhook-signature"].split()) == 1


def test_a_key_pair_signs(cast: Cast, receiver: Shop, clock: Clock) -> None:
    allow_host(cast.acme.tenant, HOST)
    row = make_endpoint(cast.acme.tenant, receiver.url, signing="v1a")
    tell(cast.acme.tenant)
    go(clock)
    [asked] = receiver.asked
    version, _, signature = asked.headers["webhook-signature"].partition(",")
    assert version == "v1a"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(row.public_key.removeprefix("whpk_")))
    head = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode()
    key.verify(base64.b64decode(signature), head + asked.body)


def test_a_secret_that_does_not_open_is_a_failure_that_says_so(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    with platform_scope("test"):
        WebhookEndpoint.objects.update(sealed_secret=b"broken")
    tell(cast.acme.tenant)
    go(clock)
    assert receiver.asked == []
    [attempt] = attempts()
    assert attempt.fault == "locked"
    assert "make a new one" in attempt.summary


def test_a_host_that_is_not_allowed_any_more_gets_nothing(
    cast: Cast, receiver: Shop, clock: Clock
) -> None:
    make_endpoint(cast.acme.tenant, receiver.url)
    tell(cast.acme.tenant)
    go(clock)
    assert receiver.asked == []
    assert attempts()[0].fault == "not_allowed"


def test_the_words_are_those_of_the_moment(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, clock: Clock
) -> None:
    tenant = cast.acme.tenant
    talk = make_conversation(make_agent(tenant), cast.acme.member, ("One: “ünïcode” 🦆", "Two"))
    with tenant_scope(tenant.pk):
        one, two = Turn.objects.order_by("first_seq")
        tell_turns([one, two])
        assert "ünï" not in str([row.event.data for row in deliveries()])
        Turn.objects.filter(pk=two.pk).update(text="", state="redacted")
    go(clock)
    turns = {asked["turn"]["turn"]: asked["turn"] for asked in bodies(receiver)}
    assert (turns["1.1"]["text"], turns["1.1"]["state"]) == ("One: “ünïcode” 🦆", "final")
    assert (turns["1.3"]["text"], turns["1.3"]["state"]) == ("", "redacted")
    # What is erased takes along what would be told of it.
    with tenant_scope(tenant.pk):
        tell_turns([one])
        talk.delete()
    assert deliveries() == []


def bodies(receiver: Shop) -> list[Any]:
    return [json.loads(asked.body)["data"] for asked in receiver.asked]


def test_the_task_is_the_one_that_hints_name() -> None:
    assert delivering.deliver_webhooks.name == outbox.TASK
