"""Why a link ended.

LinkClosed               the stream, or the connection under it, has ended
├── LinkRefused          the two ends will not have each other: wrong secret, not a link's address
└── LinkProtocolError    the peer sent bytes that the protocol does not allow

The first may be cured by trying again or elsewhere. The second needs a change of settings, the
third a change of code.
"""

from typing import Final

# The reasons this layer gives. A stream that was closed by its user carries the user's own reason.
CLOSED: Final = "closed"
CONNECTION_LOST: Final = "connection-lost"
CONNECT_FAILED: Final = "connect-failed"
CONNECT_TIMEOUT: Final = "connect-timeout"
HANDSHAKE_TIMEOUT: Final = "handshake-timeout"
OPEN_TIMEOUT: Final = "open-timeout"
PEER_SILENT: Final = "peer-silent"
TOO_MANY_STREAMS: Final = "too-many-streams"
UNUSED: Final = "unused"


class LinkClosed(Exception):
    """The stream has ended; nothing more can be sent and nothing more will arrive.

    `reason` is a short text for logs and decisions: one of this module's constants, or what the
    user of the other end gave to `close`. It never holds a secret or a spoken word.
    """

    def __init__(self, reason: str = CLOSED) -> None:
        super().__init__(reason)
        self.reason = reason

    def fresh(self) -> "LinkClosed":
        """A new exception that says the same: one object raised twice mixes up two tracebacks."""
        return type(self)(self.reason)


class LinkRefused(LinkClosed):
    """No connection was made, and a repetition with the same settings will not make one."""


class LinkProtocolError(LinkClosed):
    """The peer broke the protocol, and the connection was closed because of it."""
