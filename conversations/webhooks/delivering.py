"""Sending what waits: many receivers at once, and one that hangs holds nobody else up.

A delivery is claimed by moving its `due_at` on by a lease, in one conditional UPDATE, so it is
tried by one worker at a time; one whose worker was killed is due again when the lease is over.
A receiver may so get an event twice, with the same id, and never less than once. There is no order.
The rows are read and written on the caller's thread, the requests are made on a `Network`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from celery import shared_task
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.keyset import KeysetError
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from conversations.tools.loading import egress_of
from conversations.webhooks.asking import Letter, Tried, send
from conversations.webhooks.endpoints import turn_off
from conversations.webhooks.network import Network
from conversations.webhooks.schedule import MOST_TRIES, retry_at
from conversations.webhooks.signing import headers_of
from conversations.webhooks.telling import data_of, time_of

Clock = Callable[[], datetime]
State, Off = WebhookDelivery.State, WebhookEndpoint.Off

# Longer than a request may last, and the queue in front of it.
LEASE: Final = timedelta(seconds=60)
MOST_AT_ONCE: Final = 48
# Of one endpoint, so that one that hangs leaves room for all others.
MOST_OF_ONE: Final = 6
MOST_CLAIMS: Final = 3 * MOST_TRIES
# A task looks for more for so long; then beat's next one does.
WORKS_FOR: Final = timedelta(seconds=50)
# What becomes due meanwhile is seen so soon.
LOOKS_AGAIN_S: Final = 1.0


@shared_task
def deliver_webhooks() -> int:
    """Send what is due. Returns how many requests were made. Two at once share the work."""
    return deliver_due(timezone.now)


def deliver_due(clock: Clock, *, chance: Callable[[], float] = random.random) -> int:
    """As the task. `chance` makes the jitter, 0 to 1."""
    until = clock() + WORKS_FOR
    count = 0
    with Network() as network:
        running: dict[Future[Tried], WebhookDelivery] = {}
        while True:
            if (now := clock()) < until:
                for delivery in claim(now, MOST_AT_ONCE - len(running)):
                    running[_begin(network, delivery, now)] = delivery
            if not running:
                return count
            done, _ = wait(running, LOOKS_AGAIN_S, FIRST_COMPLETED)
            for each in done:
                note(running.pop(each), each.result(), clock(), chance())
                count += 1


# -- Claiming ----------------------------------------------------------------------------------


def claim(now: datetime, room: int) -> list[WebhookDelivery]:
    """Take up to `room` deliveries that are due, a few of each endpoint."""
    if room <= 0:
        return []
    found: list[WebhookDelivery] = []
    for endpoint in _with_something_due(now, room):
        # A transaction of each: two workers that claim in another order wait for nobody.
        with tenant_scope(endpoint.tenant_id):
            found += _claim_of(endpoint, now, room - len(found))
    return found


def _with_something_due(now: datetime, most: int) -> list[WebhookEndpoint]:
    with platform_scope("webhooks with something to send"):
        due = WebhookDelivery.objects.filter(state=State.WAITING, due_at__lte=now)
        rows = WebhookEndpoint.objects.filter(
            Exists(due.filter(endpoint=OuterRef("pk"))),
            is_on=True,
            tenant__state=Tenant.State.ACTIVE,
        )
        # By chance: who has most to send is not asked for first each time.
        return list(rows.order_by("?")[:most])


def _claim_of(endpoint: WebhookEndpoint, now: datetime, room: int) -> list[WebhookDelivery]:
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=State.WAITING)
    under_way = waiting.filter(due_at__gt=now, holder__isnull=False).count()
    most = min(room, MOST_OF_ONE - under_way)
    if most <= 0:
        return []
    due = waiting.filter(due_at__lte=now)
    # Those at which worker after worker has died, without noting what came of it.
    due.filter(tries__gte=MOST_CLAIMS).update(state=State.FAILED, holder=None, ended_at=now)
    first = list(due.order_by("due_at").values_list("pk", flat=True)[:most])
    holder = uuid4()
    due.filter(pk__in=first).update(
        holder=holder,
        due_at=now + LEASE,
        tries=F("tries") + 1,
        first_tried_at=Coalesce("first_tried_at", now),
    )
    won = WebhookDelivery.objects.filter(pk__in=first, holder=holder)
    return list(won.select_related("endpoint", "event"))


# -- Asking ------------------------------------------------------------------------------------


def _begin(network: Network, delivery: WebhookDelivery, now: datetime) -> Future[Tried]:
    with tenant_scope(delivery.tenant_id):
        try:
            letter = letter_of(delivery, now)
        except KeysetError:
            return _known(
                Tried("The signing secret cannot be opened: make a new one.", fault="locked")
            )
    return network.begin(send(letter, now))


def letter_of(delivery: WebhookDelivery, now: datetime) -> Letter:
    """What is sent now, signed. Needs the tenant's scope. Raises KeysetError."""
    endpoint, event = delivery.endpoint, delivery.event
    body = payload_of(event)
    signed = headers_of(endpoint.open_secrets(now), event.message_id, now, body)
    headers = {"Content-Type": "application/json", **signed}
    return Letter(endpoint.url, egress_of(endpoint.tenant_id), headers, body)


def payload_of(event: WebhookEvent) -> bytes:
    """The body: JSON in UTF-8."""
    told = {"type": event.kind, "timestamp": time_of(event.happened_at), "data": data_of(event)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _known(tried: Tried) -> Future[Tried]:
    made: Future[Tried] = Future()
    made.set_result(tried)
    return made


# -- Noting ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Next:
    """What is to become of a delivery."""

    state: WebhookDelivery.State
    due_at: datetime


def note(delivery: WebhookDelivery, tried: Tried, now: datetime, chance: float) -> None:
    """Write down what came of a try, unless the delivery is gone."""
    following = _next(delivery, tried, now, chance)
    with tenant_scope(delivery.tenant_id), transaction.atomic():
        rows = WebhookDelivery.objects.filter(pk=delivery.pk)
        # Held until the end: deleting the endpoint waits for this, or this finds nothing.
        if not list(rows.select_for_update().values_list("pk")):
            return
        WebhookAttempt.objects.create(
            delivery=delivery,
            at=now,
            took_ms=tried.took_ms,
            status=tried.status,
            fault=tried.fault,
            summary=tried.summary[:300],
        )
        mine = rows.filter(holder=delivery.holder, state=State.WAITING)
        over = following.state != State.WAITING
        mine.update(
            state=following.state,
            due_at=following.due_at,
            holder=None,
            ended_at=now if over else None,
        )
        _judge(delivery, tried, now, gave_up=following.state == State.FAILED)


def _next(delivery: WebhookDelivery, tried: Tried, now: datetime, chance: float) -> _Next:
    if tried.arrived:
        return _Next(State.DELIVERED, now)
    again = None if tried.fault == "gone" else retry_at(delivery.tries, now, chance, tried.asked_s)
    return _Next(State.FAILED, now) if again is None else _Next(State.WAITING, again)


def _judge(delivery: WebhookDelivery, tried: Tried, now: datetime, *, gave_up: bool) -> None:
    """What the try says about the endpoint: a row that is only written when that changes."""
    same = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    if tried.arrived:
        same.filter(failing_since__isnull=False).update(failing_since=None)
        return
    tried_at = delivery.due_at - LEASE
    same.filter(failing_since__isnull=True).update(failing_since=tried_at)
    if tried.fault == "gone":
        turn_off(delivery.endpoint, Off.GONE, now)
    elif gave_up and same.filter(failing_since__lte=delivery.first_tried_at).exists():
        # Nothing arrived in all the days in which this one was tried.
        turn_off(delivery.endpoint, Off.FAILING, now)
