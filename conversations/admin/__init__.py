"""The admin of what is said, and the home page of all of it."""

from conversations.admin import (
    agents,
    exports,
    home,
    limits,
    prices,
    records,
    suspension,
    tokens,
    tools,
    usage,
    workers,
)

__all__ = [
    "agents",
    "exports",
    "home",
    "limits",
    "prices",
    "records",
    "suspension",
    "tokens",
    "tools",
    "usage",
    "workers",
]
