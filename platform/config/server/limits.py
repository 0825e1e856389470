"""What both web servers hold a connection to, so that the application behaves alike on either."""

MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # above: close 1009; the application has a smaller limit
MAX_FRAGMENTS = 4096  # empty fragments cost memory and no payload
MAX_BODY_BYTES = 32 * 1024 * 1024  # of an HTTP request under daphne, which holds it whole

# Received and not yet taken by the application; above it the socket is not read.
INBOUND_BYTES = 256 * 1024
MESSAGE_OVERHEAD_BYTES = 256  # about what the dict of an empty message costs

# Google's clients answer a ping after 8 to 30 s on a bad day: the timeout is well above that.
PING_INTERVAL = 20.0  # seconds
PING_TIMEOUT = 60.0

CLOSE_TIMEOUT = 10.0  # for the peer's answer to our close, and for what is left to write
CUT_TIMEOUT = 2.0  # the same when the process is about to end
# How long what a refused client still sends is read and thrown away: closing a TCP connection
# with input unread resets it, and the reset may overtake the close frame.
LINGER_TIMEOUT = 1.0

# RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code.
MAX_REASON_BYTES = 123

SERVER_DRAINING = (1001, "server draining")


class ClientDisconnected(OSError):
    """Raised by `send` once the client is gone (ASGI 2.4). Let it end the application."""


def close_reason(reason: str | None) -> str:
    """Return `reason` cut to what a close frame can carry, between characters."""
    return (reason or "").encode()[:MAX_REASON_BYTES].decode(errors="ignore")
