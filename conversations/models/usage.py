"""What was used, what it costs, and who was told that a budget is near."""

from __future__ import annotations

from django.db import models

from accounts.limits import LimitKind
from accounts.tenancy import TenantOwned
from conversations.models.choices import choices
from conversations.models.conversation import Conversation
from conversations.states import TokenKind


class Amounts(models.Model):
    """How much was used: tokens by their kind, time, and what it costs as far as that is known.

    `cost_micros` are millionths of `currency`. Tokens that had no price are in their column and
    in `unpriced_tokens` too: where these are not 0, the cost is only what is known of it.
    """

    text_in = models.BigIntegerField(default=0)
    audio_in = models.BigIntegerField(default=0)
    image_in = models.BigIntegerField(default=0)
    video_in = models.BigIntegerField(default=0)
    other_in = models.BigIntegerField(default=0)
    text_out = models.BigIntegerField(default=0)
    audio_out = models.BigIntegerField(default=0)
    other_out = models.BigIntegerField(default=0)
    unpriced_tokens = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)
    talked_ms = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)

    class Meta:
        abstract = True


class Usage(Amounts, TenantOwned):
    """One report of the upstream, or a stretch of time with it; never changed, so it is counted
    once. Its time is the one since the row before, all of it in one `day` of UTC.

    The worker names the row when it notes it, so writing it again finds it written.
    """

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="usage")
    epoch = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    day = models.DateField()
    model = models.CharField(max_length=120)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "epoch", "number"], name="usage_once_in_conversation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.epoch}.{self.number}"


class UsageDay(Amounts, TenantOwned):
    """What the tenant, one of its agents, people or tokens used on one day of UTC.

    It stays when conversations are deleted: it is what was billed. So `subject`, the tenant's,
    agent's, user's or token's id, is no foreign key.
    """

    class Whose(models.TextChoices):
        TENANT = "tenant", "Organisation"
        AGENT = "agent", "Agent"
        USER = "user", "Person"
        # Of tokens that have a budget, and only of these.
        TOKEN = "token", "Token"

    whose = models.CharField(max_length=6, choices=Whose.choices)
    subject = models.UUIDField()
    day = models.DateField()

    class Meta(TenantOwned.Meta):
        verbose_name = "usage"
        verbose_name_plural = "usage"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "subject", "day"], name="usage_day_once")
        ]
        indexes = [
            # No column of the sums is in an index, so that adding to a row touches none.
            models.Index(fields=["tenant", "whose", "day"], name="usage_days_of_tenant"),
            models.Index(fields=["whose", "day"], name="usage_days_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.whose} {self.subject} on {self.day}"


class Price(models.Model):
    """What a million tokens of a kind cost with a model, from a day on. The whole platform's.

    `model` is a model's name without its path; with `*` at its end, of all that begin so. A price
    of None says that it is not known: what it would cost stays unknown too.
    """

    model = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=choices(TokenKind))
    micros_per_million = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    valid_from = models.DateField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["model", "kind", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "kind", "valid_from"], name="price_once_from_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model}, {self.get_kind_display()}"


class BudgetNotice(TenantOwned):
    """Staff were told that a budget's soft or hard threshold was reached: once in its period.

    `subject` is the tenant or the agent whose budget it is, `since` the period's beginning.
    """

    subject = models.UUIDField()
    kind = models.CharField(max_length=24, choices=choices(LimitKind))
    since = models.DateTimeField()
    is_hard = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "subject", "kind", "since", "is_hard"], name="budget_notice_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} since {self.since:%Y-%m-%d}"
