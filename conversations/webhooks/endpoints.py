"""Looking after endpoints: their addresses and secrets, on and off, tests and replays."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.audit import SYSTEM, record
from accounts.ids import uuid7
from accounts.letters import write_to_staff
from accounts.roles import Permission
from conversations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from conversations.models.webhooks import TEST_KIND
from conversations.tools.egress import Refused
from conversations.tools.loading import egress_of
from conversations.webhooks.outbox import hint_after_commit, store
from conversations.webhooks.signing import new_key, new_secret, public_key_of

Off, Signing = WebhookEndpoint.Off, WebhookEndpoint.Signing
State = WebhookDelivery.State

MOST_ENDPOINTS: Final = 20
# After a new secret the old one signs too for so long, unless somebody says otherwise.
BOTH_SIGN_FOR: Final = timedelta(days=1)
MOST_BOTH_SIGN_FOR: Final = timedelta(days=7)


# WebhookRefused
# ├── TooManyEndpoints   delete one
# ├── AddressRefused     it may not be asked; the text says who can change that
# └── EndpointOff        turn it on first
class WebhookRefused(Exception):
    """It is not done. The text says why; `code` is for programs."""

    code = "webhook_refused"


class TooManyEndpoints(WebhookRefused):
    code = "too_many_webhooks"

    def __init__(self) -> None:
        super().__init__(f"There are {MOST_ENDPOINTS} webhooks. Delete one that is not needed.")


class AddressRefused(WebhookRefused):
    code = "address_refused"


class EndpointOff(WebhookRefused):
    code = "webhook_off"

    def __init__(self) -> None:
        super().__init__("The webhook is off: nothing is sent. Turn it on first.")


# -- Addresses and secrets ---------------------------------------------------------------------


def check_room() -> None:
    """Needs the tenant's scope. Raises TooManyEndpoints."""
    if WebhookEndpoint.objects.all()[:MOST_ENDPOINTS].count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints


def check_address(tenant_id: UUID, url: str) -> None:
    """Whether events may be sent there: it is one of the hosts that the organisation allows for
    its tools as well. Raises AddressRefused."""
    try:
        egress_of(tenant_id).check(url)
    except Refused as refused:
        raise AddressRefused(refused.summary) from None


def give_secret(endpoint: WebhookEndpoint, until: datetime) -> str:
    """A new secret, which the row holds and is not saved; the old one signs too, `until` then.
    Returns what its receiver needs, to be shown once: the secret, or the public key.

    Raises Unsealable and KeysetUnreadable.
    """
    is_pair = endpoint.signing == Signing.ED25519
    secret = new_key() if is_pair else new_secret()
    endpoint.old_public_key = endpoint.public_key if endpoint.sealed_secret else ""
    endpoint.set_secret(secret, until)
    endpoint.public_key = public_key_of(secret)
    return endpoint.public_key or secret


def public_keys(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """Those that signatures are made with now, the newest first."""
    keys = [endpoint.public_key]
    keys += [endpoint.old_public_key] if endpoint.has_old_secret(now) else []
    return list(filter(None, keys))


def rotate(
    endpoint: WebhookEndpoint, actor: str, now: datetime, both_for: timedelta = BOTH_SIGN_FOR
) -> str:
    """Sign with a new secret from now on, and with the old one too, for so long. Returns what is
    shown once. Raises Unsealable and KeysetUnreadable."""
    with transaction.atomic():
        row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        shown = give_secret(row, now + both_for)
        row.save(
            update_fields=[
                *("sealed_secret", "sealed_old_secret", "old_secret_until"),
                *("public_key", "old_public_key"),
            ]
        )
        record("webhookendpoint.secret-replaced", row, actor=actor)
    endpoint.refresh_from_db()
    return shown


# -- On and off --------------------------------------------------------------------------------


def turn_off(endpoint: WebhookEndpoint, why: WebhookEndpoint.Off, now: datetime) -> bool:
    """Send nothing there any more, and tell those who look after it. What waits goes on waiting.
    Returns whether it was on. Runs in the caller's transaction."""
    on = WebhookEndpoint.objects.filter(pk=endpoint.pk, is_on=True)
    if not on.update(is_on=False, off_reason=why, off_at=now):
        return False
    record("webhookendpoint.turned-off", endpoint, actor=SYSTEM, after={"reason": str(why)})
    context = {"endpoint": endpoint, "is_gone": why == Off.GONE, "at": now}
    write_to_staff(endpoint.tenant_id, Permission.MANAGE_WEBHOOKS, "webhook_off", context)
    return True


def switch(endpoint: WebhookEndpoint, now: datetime) -> None:
    """Make the rest of a row that is not saved fit `is_on`, which a person has changed."""
    endpoint.off_reason = "" if endpoint.is_on else Off.STAFF
    endpoint.off_at = None if endpoint.is_on else now
    if endpoint.is_on:
        endpoint.failing_since = None


# -- Tests and replays -------------------------------------------------------------------------


def send_test(endpoint: WebhookEndpoint, actor: str, now: datetime) -> WebhookDelivery:
    """Send an event that means nothing, the way all go. Raises EndpointOff."""
    if not endpoint.is_on:
        raise EndpointOff
    told = {"webhook": {"id": str(endpoint.pk), "name": endpoint.name}}
    event = WebhookEvent(
        id=uuid7(), tenant_id=endpoint.tenant_id, kind=TEST_KIND, data=told, happened_at=now
    )
    with transaction.atomic():
        store([(event, [endpoint])])
        record("webhookendpoint.tested", endpoint, actor=actor)
    made: WebhookDelivery = event.deliveries.select_related("endpoint", "event").get()
    return made


def replay(endpoint: WebhookEndpoint, ids: Collection[UUID], actor: str, now: datetime) -> int:
    """Send some deliveries of the endpoint again that are over, with the ids that they had.
    Returns how many; those that wait are not among them. Raises EndpointOff."""
    return _again(
        endpoint, actor, now, {"pk__in": ids, "state__in": (State.DELIVERED, State.FAILED)}
    )


def replay_failed(endpoint: WebhookEndpoint, since: datetime, actor: str, now: datetime) -> int:
    """Send all again that failed and whose event happened since then. Raises EndpointOff."""
    wanted = {"state": State.FAILED, "event__happened_at__gte": since}
    return _again(endpoint, actor, now, wanted)


def _again(endpoint: WebhookEndpoint, actor: str, now: datetime, wanted: dict[str, object]) -> int:
    if not endpoint.is_on:
        raise EndpointOff
    with transaction.atomic():
        count = WebhookDelivery.objects.filter(endpoint=endpoint, **wanted).update(
            state=State.WAITING,
            due_at=now,
            holder=None,
            tries=0,
            first_tried_at=None,
            ended_at=None,
        )
        if count:
            record("webhookendpoint.replayed", endpoint, actor=actor, after={"deliveries": count})
            hint_after_commit()
    return count


def delete_endpoint(endpoint: WebhookEndpoint, actor: str) -> None:
    """Delete it with all that is kept of what was sent there. It is turned off first, so that
    nothing new is written for it meanwhile."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(is_on=False)
    with transaction.atomic():
        record("webhookendpoint.deleted", endpoint, actor=actor)
        endpoint.delete()
