"""Where a session stands: the table of its states.

How a session lives
-------------------
A session is what the model remembers; a connection is one WebSocket, and lives for about ten
minutes. A session outlives its connections by a resumption handle. `Session` follows one session
through one connection after another.

Everything about transitions stands in one table, `TRANSITIONS`. A pair that is not there is a
fault: ours when it was our call (`ProtocolMisuse`), theirs when it was their message
(`ProtocolError`). So no branch is forgotten, and there are no flags beside the state.

* `connecting`: there is no socket yet. When it is open, the setup goes out, exactly once, and
  nothing else: a second setup or anything before it ends the connection with 1007.
* `setup_sent`: waiting for `setupComplete`. Other messages may come before it and are handed on.
  A deadline runs, because a server that is unwell accepts the socket and then says nothing.
* `ready`: traffic both ways. The service reports no error but by closing, so a message always
  leaves the state as it is.
* `rotating`: `goAway` came. Traffic goes on as before, but the connection has a deadline of its
  own, which does not depend on another message coming in: services have been seen to fall silent
  after `goAway`. Whoever stays too long is closed with 1008. The owner opens the next connection,
  either with a new `Session` and the handle, or by telling this one that the next socket is open.
* `closed`: for good, by us, by them, or by a deadline.

Which handle to keep: a handle names the session, not a moment in it, so the newest one is right,
also while the session says that it is not resumable just now (it is not while it generates or
waits for a tool); `handle` keeps it and `resumable` tells.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.Enum):
    """Where a session stands."""

    __hash__ = object.__hash__  # the one of enum is slow, and each message asks for it

    CONNECTING = "connecting"
    SETUP_SENT = "setup_sent"
    READY = "ready"
    ROTATING = "rotating"
    CLOSED = "closed"


class Input(enum.Enum):
    """What can happen to a session."""

    __hash__ = object.__hash__  # the one of enum is slow, and each message asks for it

    OPENED = "opened"
    SETUP_COMPLETE = "setup_complete"
    MESSAGE = "message"
    GO_AWAY = "go_away"
    SEND = "send"
    DEADLINE = "deadline"
    CLOSE = "close"
    LOST = "lost"


TRANSITIONS: Mapping[tuple[State, Input], State] = MappingProxyType(
    {
        (State.CONNECTING, Input.OPENED): State.SETUP_SENT,
        (State.CONNECTING, Input.DEADLINE): State.CLOSED,
        (State.CONNECTING, Input.CLOSE): State.CLOSED,
        (State.CONNECTING, Input.LOST): State.CLOSED,
        (State.SETUP_SENT, Input.SETUP_COMPLETE): State.READY,
        (State.SETUP_SENT, Input.MESSAGE): State.SETUP_SENT,
        (State.SETUP_SENT, Input.DEADLINE): State.CLOSED,
        (State.SETUP_SENT, Input.CLOSE): State.CLOSED,
        (State.SETUP_SENT, Input.LOST): State.CLOSED,
        (State.READY, Input.MESSAGE): State.READY,
        (State.READY, Input.GO_AWAY): State.ROTATING,
        (State.READY, Input.SEND): State.READY,
        (State.READY, Input.CLOSE): State.CLOSED,
        (State.READY, Input.LOST): State.CLOSED,
        (State.ROTATING, Input.OPENED): State.SETUP_SENT,
        (State.ROTATING, Input.MESSAGE): State.ROTATING,
        (State.ROTATING, Input.GO_AWAY): State.ROTATING,
        (State.ROTATING, Input.SEND): State.ROTATING,
        (State.ROTATING, Input.DEADLINE): State.CLOSED,
        (State.ROTATING, Input.CLOSE): State.CLOSED,
        (State.ROTATING, Input.LOST): State.CLOSED,
        # The other end may close while we do, and closing twice is no fault.
        (State.CLOSED, Input.CLOSE): State.CLOSED,
        (State.CLOSED, Input.LOST): State.CLOSED,
    }
)
