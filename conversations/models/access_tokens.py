"""Tokens that an integrator's server mints, for one of its own users to talk with."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db import models
from django.utils import timezone

from accounts.tenancy import TenantOwned
from conversations.models.agents import Agent


class TokenState(StrEnum):
    """What may be done with a token. `closed` and `used-up`: what it began goes on."""

    ACTIVE = "active"
    CLOSED = "closed"  # the time for new conversations is over
    USED_UP = "used-up"
    EXPIRED = "expired"
    REVOKED = "revoked"


class AccessToken(TenantOwned):
    """A short-lived token: of ours, or one of Google's that was made with the tenant's credential.

    Of ours the row keeps the SHA-256 of the secret, of Google's nothing that opens anything.
    `uses` is how many conversations it may begin, 0 for no limit; continuing one is no use.
    """

    class Kind(models.TextChoices):
        PARLEY = "parley", "Parley"
        GOOGLE = "google", "Google"

    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.PARLEY)
    # None: any agent of the tenant.
    agent = models.ForeignKey(
        Agent, models.CASCADE, null=True, blank=True, related_name="access_tokens"
    )
    prefix = models.CharField(max_length=12, blank=True, editable=False)
    hash = models.CharField(max_length=64, blank=True, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    uses = models.PositiveIntegerField(default=1)
    used = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()
    new_session_expires_at = models.DateTimeField()
    # Origins of pages that may use it, and what its user may send; empty: all.
    origins = models.JSONField(default=list, blank=True)
    modalities = models.JSONField(default=list, blank=True)
    # An `accounts.limits.Limits`: the length of each conversation, the money of all together.
    limits = models.JSONField(default=dict, blank=True)
    # Google's `bidiGenerateContentSetup` and the paths of its `fieldMask`; empty: none.
    setup = models.JSONField(default=dict, blank=True)
    field_mask = models.JSONField(default=list, blank=True)
    # Who the integrator says will use it, by its own id; "" where it does not say.
    end_user = models.CharField(max_length=128, blank=True)
    end_user_name = models.CharField(max_length=150, blank=True)
    # Made with a key for tests: it talks with a simulator.
    is_test = models.BooleanField(default=False)
    # As the audit names who made it.
    minted_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "token"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prefix"], condition=~models.Q(prefix=""), name="access_token_prefix_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="access_token_of_tenant"),
            models.Index(fields=["tenant", "end_user", "-id"], name="access_token_of_person"),
            models.Index(fields=["expires_at"], name="access_token_by_expiry"),
        ]

    def __str__(self) -> str:
        # Something that can be typed: who revokes is asked to.
        return f"prl_{self.prefix}" if self.prefix else "Google's"

    @property
    def text_shown(self) -> str:
        """What may be shown of it."""
        if self.kind == self.Kind.GOOGLE:
            return "Google's"
        return f"auth_tokens/prl_{self.prefix}_…{self.last_four}"

    @property
    def is_used_up(self) -> bool:
        return bool(self.uses) and self.used >= self.uses

    def is_valid(self, now: datetime) -> bool:
        """Whether what it began may go on."""
        return self.revoked_at is None and now < self.expires_at

    def state_at(self, now: datetime) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if now >= self.expires_at:
            return TokenState.EXPIRED
        if self.is_used_up:
            return TokenState.USED_UP
        return TokenState.ACTIVE if now < self.new_session_expires_at else TokenState.CLOSED
