"""Where a session stands: the table of its states.

How a session lives
-------------------
A session is what the model remembers; a connection is one WebSocket, and lives for about ten
minutes. A session outlives its connections by a resumption handle. `Session` follows one session
through one connection after another.

Everything about transitions stands in one table, `TRANSITIONS`. A pair that is not there is a
fault: ours when it was our call (`ProtocolMisuse`), theirs when it was their message
(`ProtocolError`). So no branch is forgotten, and there are no flags beside the state.

* `connecting`: a socket is being opened. When it is open, the setup goes out, exactly once, and
  nothing else: a second setup or anything before it ends the connection with 1007.
* `setup_sent`: waiting for `setupComplete`. Other messages may come before it and are handed on.
  A deadline runs, because a server that is unwell accepts the socket and then says nothing.
* `ready`: traffic both ways. The service reports no error but by closing, so a message always
  leaves the state as it is.
* `rotating`: `goAway` came. Traffic goes on until the next pause, in which nobody speaks and
  nothing is owed, or until a deadline of our own, which does not depend on another message coming
  in: services have been seen to fall silent after `goAway`. Whoever stays is closed with 1008.
* `leaving`: the connection gets a close frame, because every resume fails while the service sees
  the old one. What it still sends is taken.
* `waiting`: there is no connection, and the next is tried at the deadline (`Comeback` says when).
* `closed`: for good, by us, or because trying again does not help.

What is sent in a state without a connection is held, within bounds. Which handle to keep: a handle
names the session, not a moment in it, so the newest one is right, also while the session says that
it is not resumable just now (it is not while it generates or waits for a tool); `handle` keeps it
and `resumable` tells.
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
    LEAVING = "leaving"
    WAITING = "waiting"
    CLOSED = "closed"


class Input(enum.Enum):
    """What can happen to a session."""

    __hash__ = object.__hash__  # the one of enum is slow, and each message asks for it

    OPENED = "opened"
    SETUP_COMPLETE = "setup_complete"
    MESSAGE = "message"
    GO_AWAY = "go_away"
    SEND = "send"
    PAUSE = "pause"
    DEADLINE = "deadline"
    LOST = "lost"
    GIVE_UP = "give_up"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Input], State] = MappingProxyType(
    {
        (State.CONNECTING, Input.OPENED): State.SETUP_SENT,
        (State.CONNECTING, Input.SEND): State.CONNECTING,
        (State.CONNECTING, Input.LOST): State.WAITING,
        (State.CONNECTING, Input.GIVE_UP): State.CLOSED,
        (State.CONNECTING, Input.CLOSE): State.CLOSED,
        (State.SETUP_SENT, Input.SETUP_COMPLETE): State.READY,
        (State.SETUP_SENT, Input.MESSAGE): State.SETUP_SENT,
        (State.SETUP_SENT, Input.SEND): State.SETUP_SENT,
        (State.SETUP_SENT, Input.LOST): State.WAITING,
        (State.SETUP_SENT, Input.GIVE_UP): State.CLOSED,
        (State.SETUP_SENT, Input.CLOSE): State.CLOSED,
        (State.READY, Input.MESSAGE): State.READY,
        (State.READY, Input.GO_AWAY): State.ROTATING,
        (State.READY, Input.SEND): State.READY,
        (State.READY, Input.LOST): State.WAITING,
        (State.READY, Input.GIVE_UP): State.CLOSED,
        (State.READY, Input.CLOSE): State.CLOSED,
        (State.ROTATING, Input.MESSAGE): State.ROTATING,
        (State.ROTATING, Input.GO_AWAY): State.ROTATING,
        (State.ROTATING, Input.SEND): State.ROTATING,
        (State.ROTATING, Input.PAUSE): State.LEAVING,
        (State.ROTATING, Input.DEADLINE): State.LEAVING,
        (State.ROTATING, Input.LOST): State.WAITING,
        (State.ROTATING, Input.GIVE_UP): State.CLOSED,
        (State.ROTATING, Input.CLOSE): State.CLOSED,
        (State.LEAVING, Input.MESSAGE): State.LEAVING,
        (State.LEAVING, Input.GO_AWAY): State.LEAVING,
        (State.LEAVING, Input.SEND): State.LEAVING,
        (State.LEAVING, Input.LOST): State.WAITING,
        (State.LEAVING, Input.GIVE_UP): State.CLOSED,
        (State.LEAVING, Input.CLOSE): State.CLOSED,
        (State.WAITING, Input.SEND): State.WAITING,
        (State.WAITING, Input.DEADLINE): State.CONNECTING,
        (State.WAITING, Input.CLOSE): State.CLOSED,
        (State.CLOSED, Input.CLOSE): State.CLOSED,  # closing twice is no fault
    }
)
