"""The admin of what is said, and the home page of all of it."""

from conversations.admin import (
    agents,
    data,
    exports,
    home,
    limits,
    prices,
    records,
    suspension,
    tokens,
    tools,
    usage,
    webhooks,
    workers,
)

__all__ = [
    "agents",
    "data",
    "exports",
    "home",
    "limits",
    "prices",
    "records",
    "suspension",
    "tokens",
    "tools",
    "usage",
    "webhooks",
    "workers",
]
