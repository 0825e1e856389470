"""What is kept of a conversation: who may talk to which agent, what was said, who hosts it."""

from conversations.models.access_tokens import AccessToken, TokenState
from conversations.models.agents import Agent, AgentVersion
from conversations.models.annotations import Note, Tag
from conversations.models.calls import ToolCall
from conversations.models.conversation import Conversation, Event
from conversations.models.exports import Export, ExportFormat, ExportPart, ExportSchedule
from conversations.models.leases import LEASE_TERM, Claim, Lease
from conversations.models.recordings import Consent, Recording
from conversations.models.retention import Erasure, LegalHold, lock_holds, on_hold
from conversations.models.tools import AgentTool, AllowedHost, ToolServer
from conversations.models.turns import Turn
from conversations.models.usage import Amounts, BudgetNotice, Price, Usage, UsageDay
from conversations.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookKind,
)
from conversations.models.workers import WorkerProcess

__all__ = [
    "LEASE_TERM",
    "AccessToken",
    "Agent",
    "AgentTool",
    "AgentVersion",
    "AllowedHost",
    "Amounts",
    "BudgetNotice",
    "Claim",
    "Consent",
    "Conversation",
    "Erasure",
    "Event",
    "Export",
    "ExportFormat",
    "ExportPart",
    "ExportSchedule",
    "Lease",
    "LegalHold",
    "Note",
    "Price",
    "Recording",
    "Tag",
    "TokenState",
    "ToolCall",
    "ToolServer",
    "Turn",
    "Usage",
    "UsageDay",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookKind",
    "WorkerProcess",
    "lock_holds",
    "on_hold",
]
