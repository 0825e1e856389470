"""What the model of an agent may call, and where such calls may go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from accounts.keyset import SealedField
from accounts.tenancy import TenantOwned
from conversations.models.agents import Agent
from conversations.models.secrets import SignsRequests
from conversations.states import ToolKind

LEAST_TIMEOUT_MS, MOST_TIMEOUT_MS = 1_000, 120_000

_function_name = RegexValidator(
    r"\A[A-Za-z_][A-Za-z0-9_]{0,63}\Z",
    "At most 64 letters, digits and _, beginning with a letter or _.",
)
_timeout = (MinValueValidator(LEAST_TIMEOUT_MS), MaxValueValidator(MOST_TIMEOUT_MS))


class Behavior(models.TextChoices):
    """Whether the model waits for the answer. Empty is the model's own way."""

    MODEL = "", "As the model does by itself"
    BLOCKING = "BLOCKING", "The model waits"
    NON_BLOCKING = "NON_BLOCKING", "The model goes on talking"


class Scheduling(models.TextChoices):
    """When the model takes up the answer of a call that it did not wait for."""

    MODEL = "", "As the model does by itself"
    WHEN_IDLE = "WHEN_IDLE", "Is taken up when nobody speaks"
    INTERRUPT = "INTERRUPT", "Is taken up at once, also in the middle of a sentence"
    SILENT = "SILENT", "Is known from then on, and not spoken of"


class AnyTool(TenantOwned):
    """What HTTP tools, client-side tools and MCP servers have in common."""

    is_on = models.BooleanField("in use", default=True)
    behavior = models.CharField(
        "while it runs", max_length=12, choices=Behavior.choices, default="", blank=True
    )
    scheduling = models.CharField(
        "its answer", max_length=9, choices=Scheduling.choices, default="", blank=True
    )
    timeout_ms = models.PositiveIntegerField(default=10_000, validators=_timeout, editable=False)
    url = models.CharField("address", max_length=500, blank=True)
    # The names may be seen; the values hold keys, so all of them are sealed.
    header_names = models.JSONField(default=list, blank=True, editable=False)
    # Each table has its own column, of a purpose of its own: what one sealed opens in no other.
    sealed_headers: Any
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        abstract = True

    @property
    def timeout_s(self) -> float:
        return self.timeout_ms / 1000

    def set_headers(self, headers: Mapping[str, str]) -> None:
        """Seal these headers in the row, which is not saved. Raises KeysetUnreadable."""
        self.header_names = list(headers)
        sealed = self._headers.seal(self, json.dumps(dict(headers)).encode()) if headers else b""
        self.sealed_headers = sealed

    def open_headers(self) -> dict[str, str]:
        """Raises Unsealable and KeysetUnreadable."""
        if not self.sealed_headers:
            return {}
        found: dict[str, str] = json.loads(self._headers.unseal(self))
        return found

    @property
    def _headers(self) -> SealedField:
        return cast("SealedField", self._meta.get_field("sealed_headers"))


class AgentTool(SignsRequests, AnyTool):
    """One function of one agent: an address of the tenant's, or something that the page answers.

    A signing secret is made with the tool and shown once.
    """

    class Kind(models.TextChoices):
        HTTP = ToolKind.HTTP.value, "A server of yours, over HTTP"
        CLIENT = ToolKind.CLIENT.value, "The page, or your program"

    class Method(models.TextChoices):
        GET = "GET", "GET"
        POST = "POST", "POST"
        PUT = "PUT", "PUT"
        PATCH = "PATCH", "PATCH"
        DELETE = "DELETE", "DELETE"

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="tools")
    kind = models.CharField("answered by", max_length=6, choices=Kind, default=Kind.HTTP)
    name = models.CharField(max_length=64, validators=(_function_name,))
    description = models.TextField(max_length=1000)
    parameters = models.JSONField(default=dict, blank=True)
    method = models.CharField(max_length=6, choices=Method, default=Method.POST, blank=True)
    sealed_headers = SealedField(purpose="tool.headers", default=b"", editable=False)
    sealed_secret = SealedField(purpose="tool.secret", default=b"", editable=False)
    sealed_old_secret = SealedField(purpose="tool.old-secret", default=b"", editable=False)

    class Meta(AnyTool.Meta):
        verbose_name = "tool"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "agent", "name"], name="tool_name_of_agent")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_http(self) -> bool:
        return self.kind == ToolKind.HTTP


class ToolServer(AnyTool):
    """A server that speaks the Model Context Protocol (streamable HTTP), and the tools it lists.

    `listed` holds them as the server named them when it was last asked; `list_fault` says why it
    could not be asked since then.
    """

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="tool_servers")
    name = models.CharField(max_length=32, validators=(_function_name,))
    sealed_headers = SealedField(purpose="tool-server.headers", default=b"", editable=False)
    only = models.JSONField("tools", default=list, blank=True)
    listed = models.JSONField(default=list, blank=True, editable=False)
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    list_fault = models.CharField(max_length=300, blank=True, editable=False)

    class Meta(AnyTool.Meta):
        verbose_name = "MCP server"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "agent", "name"], name="toolserver_name_of_agent"
            )
        ]

    def __str__(self) -> str:
        return self.name


class AllowedHost(TenantOwned):
    """A host that the tools of a tenant may ask, by its name; `*.` before it means all below."""

    name = models.CharField("host", max_length=253)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="allowedhost_once_in_tenant")
        ]

    def __str__(self) -> str:
        return self.name
