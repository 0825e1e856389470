"""The data link between web and worker processes: many streams over one connection.

One authenticated connection joins two processes; each conversation has a stream on it, with its own
credit, so that a reader that stalls holds up only itself. See `core` for the protocol.
"""

from .core import DEFAULT_WINDOW
from .deadlines import Limits
from .errors import LinkClosed, LinkProtocolError, LinkRefused
from .frames import MAX_INFO, MAX_MESSAGE
from .listener import Listener
from .memory import listen_memory
from .pool import LinkPool
from .stream import LinkStream
from .tcp import format_address, listen

__all__ = [
    "DEFAULT_WINDOW",
    "MAX_INFO",
    "MAX_MESSAGE",
    "Limits",
    "LinkClosed",
    "LinkPool",
    "LinkProtocolError",
    "LinkRefused",
    "LinkStream",
    "Listener",
    "format_address",
    "listen",
    "listen_memory",
]
