"""Whom people talk to."""

from __future__ import annotations

from django.db import models

from accounts.models import User
from accounts.tenancy import TenantOwned


class Agent(TenantOwned):
    """Whom people talk to: a prompt, a model and a voice.

    These columns are what is published; `conversations.versions` changes them and keeps what
    they were before.
    """

    class Modality(models.TextChoices):
        AUDIO = "AUDIO", "Voice"
        TEXT = "TEXT", "Text only"

    class Recorded(models.TextChoices):
        OFF = "off", "Never"
        ASKED = "asked", "If the person agrees; otherwise they talk unrecorded"
        REQUIRED = "required", "If the person agrees; otherwise they cannot talk"

    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    prompt = models.TextField(blank=True, help_text="The system instruction of every session.")
    model = models.CharField(max_length=120, default="gemini-3.8-live")
    voice = models.CharField(max_length=60, default="Kore")
    modality = models.CharField(max_length=10, choices=Modality.choices, default=Modality.AUDIO)
    # Where the organisation allows it; not versioned, it holds for conversations that begin later.
    recording = models.CharField(
        "record the sound",
        max_length=8,
        choices=Recorded.choices,
        default=Recorded.OFF,
        help_text="Of both sides, where the organisation allows it. Everybody is asked first.",
    )
    # Parts of `conversations.wishes.PARTS`, for conversations that begin later.
    open_to_callers = models.JSONField(
        "programs may set",
        default=list,
        blank=True,
        help_text="Over the Live API, for their own conversations. All else is as it is here.",
    )
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


class AgentVersion(TenantOwned):
    """What an agent was told and how it spoke, or will: written once, except for its state.

    The newest draft is what its editors work on. The newest published one is what people talk to.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        DROPPED = "dropped", "Dropped"

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # Column of the agent -> its value, see `conversations.versions.VERSIONED`.
    content = models.JSONField()
    state = models.CharField(max_length=9, choices=State.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="agent_version_once")
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
