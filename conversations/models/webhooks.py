"""Where events are sent to, the events that have to be sent, and what came of each try."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils import timezone

from accounts.keyset import SealedField
from accounts.tenancy import TenantOwned
from conversations.models.conversation import Conversation
from conversations.models.secrets import SignsRequests

URL_CHARS: Final = 500


class WebhookKind(models.TextChoices):
    """What happened. The words are public: they are added to and never renamed."""

    CONVERSATION_STARTED = "conversation.started", "A conversation began"
    CONVERSATION_ENDED = "conversation.ended", "A conversation ended"
    TURN_FINAL = "turn.final", "A turn is complete"
    EXPORT_READY = "export.ready", "An export can be downloaded"
    CREDENTIAL_FAILING = "credential.failing", "A Gemini credential stopped working"
    BUDGET_WARNING = "budget.warning", "A budget is nearly used up"
    BUDGET_REACHED = "budget.reached", "A budget is used up"


# Sent when somebody asks for it, to that endpoint alone; nobody subscribes to it.
TEST_KIND: Final = "webhook.test"


class WebhookEndpoint(SignsRequests, TenantOwned):
    """An address of a tenant's that events of some kinds are sent to.

    `failing_since` is the first failure after the last success. One that is off gets no events;
    those that wait for it go on waiting.
    """

    class Signing(models.TextChoices):
        HMAC = "v1", "A shared secret (HMAC-SHA256)"
        ED25519 = "v1a", "A key pair (ed25519)"

    class Off(models.TextChoices):
        STAFF = "staff", "Turned off here"
        GONE = "gone", "The server answered 410"
        FAILING = "failing", "Nothing arrived for three days"

    name = models.CharField(max_length=100)
    url = models.CharField("address", max_length=URL_CHARS)
    kinds = models.JSONField("events", default=list)
    signing = models.CharField("signed with", max_length=3, choices=Signing, default=Signing.HMAC)
    sealed_secret = SealedField(purpose="webhook.secret", default=b"", editable=False)
    sealed_old_secret = SealedField(purpose="webhook.old-secret", default=b"", editable=False)
    # Of a key pair, what receivers may know; "" for a shared secret.
    public_key = models.CharField(max_length=60, blank=True, editable=False)
    old_public_key = models.CharField(max_length=60, blank=True, editable=False)
    is_on = models.BooleanField("on", default=True)
    off_reason = models.CharField(max_length=7, choices=Off, blank=True, editable=False)
    off_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = "webhook"
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(TenantOwned):
    """Something that happened, written in the transaction in which it did: the outbox.

    Its id follows from its kind and what it is about, so announcing it again changes nothing.
    There are no words in `data`: those of a turn are looked up when it is sent.
    """

    kind = models.CharField(max_length=32)
    # What is erased takes along what would be told of it.
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, null=True, blank=True, related_name="+"
    )
    data = models.JSONField(default=dict)
    happened_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        indexes = [models.Index(fields=["happened_at"], name="webhook_event_by_age")]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}"

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same for each try, and for each endpoint."""
        return f"msg_{self.pk.hex}"


class WebhookDelivery(TenantOwned):
    """One event for one endpoint.

    `due_at` is when it is tried next. Whoever tries it moves that on by a lease, so one whose
    worker died is due again by itself; `holder` is who tries it now.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(default=timezone.now)
    holder = models.UUIDField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    first_tried_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        verbose_name = "delivery"
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="webhook_delivery_once")
        ]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_of_endpoint"),
            models.Index(
                fields=["endpoint", "due_at"],
                name="webhook_delivery_due",
                condition=models.Q(state="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.event.message_id}"


class WebhookAttempt(TenantOwned):
    """One try. `status` is the answer's, None without one; `fault` names what went wrong, and
    `summary` says it in a line. Nothing of what was answered is kept."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    fault = models.CharField(max_length=24, blank=True)
    summary = models.CharField(max_length=300)

    class Meta(TenantOwned.Meta):
        verbose_name = "try"
        verbose_name_plural = "tries"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.summary
