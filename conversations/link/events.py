"""What the core tells its shell."""

from typing import NamedTuple

from .errors import LinkClosed
from .flow import Flow


class Established(NamedTuple):
    """Both ends have proved that they know the secret; streams can be opened."""


class Opened(NamedTuple):
    """The peer opened a stream (listening end). It is accepted already; close it to refuse it."""

    flow: Flow


class Accepted(NamedTuple):
    """The peer knows our stream, and gave credit for it (connecting end)."""

    flow: Flow


class Readable(NamedTuple):
    """The stream's inbox was empty and holds a message now."""

    flow: Flow


class Writable(NamedTuple):
    """The stream had no credit left and has some now."""

    flow: Flow


class StreamEnded(NamedTuple):
    """The stream ended other than by our own `close`; `flow.closed` says why."""

    flow: Flow


class Ended(NamedTuple):
    """The connection is over, and with it all its streams. Always the last event."""

    error: LinkClosed


Event = Established | Opened | Accepted | Readable | Writable | StreamEnded | Ended
