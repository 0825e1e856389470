"""The admin of what is said, and the home page of all of it."""

from conversations.admin import agents, home, records, suspension

__all__ = ["agents", "home", "records", "suspension"]
