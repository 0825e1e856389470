"""The setup: what a session is to be, what may not be asked for, and the message that says it."""

from live.setup.config import SessionConfig
from live.setup.message import setup_message
from live.setup.rules import check

__all__ = ["SessionConfig", "check", "setup_message"]
