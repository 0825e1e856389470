"""The admin of what is said, and the home page of all of it."""

from conversations.admin import (
    agents,
    home,
    limits,
    prices,
    records,
    suspension,
    tools,
    usage,
    workers,
)

__all__ = [
    "agents",
    "home",
    "limits",
    "prices",
    "records",
    "suspension",
    "tools",
    "usage",
    "workers",
]
