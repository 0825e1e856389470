"""What web process and worker tell each other of a link stream, beside the socket's own frames."""

from __future__ import annotations

from typing import Literal

import msgspec

# How a socket comes to a conversation. One socket owns it and is heard, the others look on:
# `take` becomes the owner whoever was, `join` unless another page is, `observe` looks on.
Mode = Literal["take", "join", "observe"]
# `speak` is heard for the page that owns it, and takes nothing from anybody: how a request that
# carries one message comes.
Way = Literal[Mode, "speak"]


class Attach(msgspec.Struct, frozen=True):
    """The opening payload of a link stream: which conversation, and where the socket stands.

    After it, the stream carries the socket's own frames, both ways. `line` names the attachment,
    the same on each of its streams.
    """

    conversation: str
    epoch: int = 0
    seq: int = 0
    page: str = ""
    mode: Way = "take"
    line: str = ""


attach_decoder: msgspec.json.Decoder[Attach] = msgspec.json.Decoder(Attach)


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """From the host: so many frames of this line were dealt with in all. Pages never see it."""

    frames: int


taken_decoder: msgspec.json.Decoder[Taken] = msgspec.json.Decoder(Taken)

# Why a host closes a stream. Anything else is a broken connection.
NOT_HERE = "not-here"
MOVED = "moved"
ENDED = "ended"
TAKEN = "taken"
CROWDED = "too-many-observers"
