"""What is kept of a conversation: who may talk to which agent, what was said, who hosts it."""

from conversations.models.agents import Agent
from conversations.models.conversation import Conversation, Event
from conversations.models.leases import LEASE_TERM, Claim, Lease
from conversations.models.turns import Turn
from conversations.models.usage import Amounts, BudgetNotice, Price, Usage, UsageDay
from conversations.models.workers import WorkerProcess

__all__ = [
    "LEASE_TERM",
    "Agent",
    "Amounts",
    "BudgetNotice",
    "Claim",
    "Conversation",
    "Event",
    "Lease",
    "Price",
    "Turn",
    "Usage",
    "UsageDay",
    "WorkerProcess",
]
