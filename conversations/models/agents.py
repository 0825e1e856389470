"""Whom people talk to."""

from __future__ import annotations

from django.db import models

from accounts.tenancy import TenantOwned


class Agent(TenantOwned):
    """Whom people talk to: a prompt, a model and a voice."""

    class Modality(models.TextChoices):
        AUDIO = "AUDIO", "Voice"
        TEXT = "TEXT", "Text only"

    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    prompt = models.TextField(blank=True, help_text="The system instruction of every session.")
    model = models.CharField(max_length=120, default="gemini-3.8-live")
    voice = models.CharField(max_length=60, default="Kore")
    modality = models.CharField(max_length=10, choices=Modality.choices, default=Modality.AUDIO)
    # An `accounts.limits.Limits`: what all conversations with this agent may use.
    limits = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="agent_slug_in_tenant")
        ]

    def __str__(self) -> str:
        return self.name
