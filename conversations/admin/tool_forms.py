"""The forms of tools and of MCP servers: what is typed is read, checked and sealed here."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.admin.base import TenantForm
from accounts.admin.credential_form import WriteOnlyTextarea
from accounts.keyset import KeysetError
from conversations.admin.addresses import AddressForm
from conversations.models import Agent, AgentTool, AllowedHost, ToolServer
from conversations.models.tools import LEAST_TIMEOUT_MS, MOST_TIMEOUT_MS
from conversations.states import ToolKind
from conversations.tools.egress import is_host_name
from conversations.tools.headers import read_headers
from conversations.tools.mcp.listing import MOST_TOOLS
from conversations.tools.schema import read_schema
from live.setup.models import traits_of

_CODE = {"spellcheck": "false", "autocomplete": "off", "class": "p-typed"}


class AnyToolForm(AddressForm):
    """What both have: an address with its headers, and how the model uses it.

    The agent is chosen in a field that the admin adds: agents can be asked for in a request only,
    which has a tenant.
    """

    headers = forms.CharField(
        label="Headers",
        required=False,
        widget=WriteOnlyTextarea(
            attrs={"rows": 3, "placeholder": "Authorization: Bearer …", **_CODE}
        ),
        help_text="One in each line, as Name: value. Sealed at once, and never shown again.",
    )
    drop_headers = forms.BooleanField(
        label="Remove the stored headers", required=False, widget=UnfoldBooleanSwitchWidget
    )
    timeout_s = forms.IntegerField(
        label="Time-out, in seconds",
        min_value=LEAST_TIMEOUT_MS // 1000,
        max_value=MOST_TIMEOUT_MS // 1000,
        initial=10,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Then the model is told that there was no answer. A voice waits badly.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timeout_s" in self.fields:
            self.initial["timeout_s"] = self.instance.timeout_ms // 1000
        names = self.instance.header_names
        if not names:
            self.fields.pop("drop_headers", None)
        elif "headers" in self.fields:
            self.fields["headers"].help_text = (
                f"Stored: {', '.join(names)}. Leave it empty to keep them. What you enter replaces "
                "all of them."
            )

    def _get_validation_exclusions(self) -> set[str]:
        excluded = super()._get_validation_exclusions()
        if self.instance.tenant_id is None or "agent" in self.errors:
            return excluded | {"agent", "tenant"}
        # The agent stays what it was, and still: once a name in it.
        return excluded - {"agent"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        agent = cleaned.get("agent") or (self.instance.agent if self.instance.agent_id else None)
        if agent is None or self.errors:
            return cleaned
        self.instance.tenant_id = agent.tenant_id
        self.instance.timeout_ms = cleaned["timeout_s"] * 1000
        self._check_model(agent)
        if self.is_asked_by_us:
            self.check_address(cleaned.get("url", ""))
            self._take_headers(cleaned)
        return cleaned

    @property
    def is_asked_by_us(self) -> bool:
        """Whether the calls go from here to an address."""
        return True

    def _check_model(self, agent: Agent) -> None:
        traits = traits_of(agent.model)
        if traits is None:
            return
        if (behavior := self.cleaned_data.get("behavior")) and behavior not in traits.behaviors:
            self.add_error("behavior", f"{agent.model} does not take this: leave it to the model.")
        if self.cleaned_data.get("scheduling") and not traits.scheduling:
            self.add_error("scheduling", f"{agent.model} takes none: leave it to the model.")

    def _take_headers(self, cleaned: dict[str, Any]) -> None:
        headers, fault = read_headers(cleaned.get("headers", ""))
        if fault:
            self.add_error("headers", fault)
        elif headers or cleaned.get("drop_headers"):
            self._seal(headers)

    def _seal(self, headers: dict[str, str]) -> None:
        try:
            self.instance.set_headers(headers)
        except KeysetError as error:
            self.add_error("headers", f"They cannot be sealed: {error.fix}")


class ToolForm(AnyToolForm):
    parameters = forms.CharField(
        label="Parameters",
        required=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={
                "rows": 12,
                "placeholder": '{"type": "object", "properties": {"city": {"type": "string"}}}',
                **_CODE,
            }
        ),
        help_text="A JSON Schema, in the part of it that Gemini takes. Empty: it takes none.",
    )

    class Meta:
        model = AgentTool
        fields = (
            *("kind", "name", "description", "method", "url", "parameters"),
            *("behavior", "scheduling", "is_on"),
        )
        help_texts = {
            "name": "The model calls it so: get_stock.",
            "description": "What it does, and when the model should use it. The model reads this.",
            "url": "GET and DELETE send the arguments in the query, the others as JSON.",
            "scheduling": "Counts only if the model goes on talking meanwhile.",
            "is_on": "Conversations that run keep the tools they began with.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "description" in self.fields:
            self.fields["description"].widget.attrs["rows"] = 3
        if "parameters" in self.fields:
            stored = self.instance.parameters
            self.initial["parameters"] = json.dumps(stored, indent=2) if stored else ""

    def clean_parameters(self) -> dict[str, Any]:
        schema, faults = read_schema(self.cleaned_data["parameters"])
        if faults:
            raise ValidationError([str(fault) for fault in faults])
        return schema

    def clean_method(self) -> str:
        return self.cleaned_data.get("method") or AgentTool.Method.POST

    @property
    def is_asked_by_us(self) -> bool:
        return bool(self.cleaned_data.get("kind") == ToolKind.HTTP)


class ServerForm(AnyToolForm):
    only = forms.CharField(
        label="Only these tools",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, **_CODE}),
        help_text=f"One name in each line. Empty: all that it lists, up to {MOST_TOOLS}.",
    )

    class Meta:
        model = ToolServer
        fields = ("name", "url", "only", "behavior", "scheduling", "is_on")
        help_texts = {
            "name": "Stands before the name of a tool whose name another one has too.",
            "url": "Where it speaks MCP over streamable HTTP: https://tools.example.com/mcp.",
            "is_on": "Conversations that run keep the tools they began with.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "only" in self.fields:
            self.initial["only"] = "\n".join(self.instance.only)

    def clean_only(self) -> list[str]:
        names = [line.strip() for line in self.cleaned_data["only"].splitlines()]
        return list(dict.fromkeys(filter(None, names)))

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        if not url:
            raise ValidationError("Enter the server's address.")
        return url


class HostForm(TenantForm):
    class Meta:
        model = AllowedHost
        fields = ("tenant", "name", "note")
        help_texts = {
            "name": "A name such as api.example.com; *.example.com for all below it.",
            "note": "What it is for.",
        }

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip().lower().rstrip(".")
        if not is_host_name(name):
            raise ValidationError("Only the host's name, without https:// and without a port.")
        return name
