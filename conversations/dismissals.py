"""Why somebody who was let in to a conversation is let go: close code, code, message, fix."""

from __future__ import annotations

from typing import Final

from conversations import protocol as p
from conversations.access import Loss

LOSSES: Final = {
    Loss.IDENTITY: (
        p.Close.NOT_SIGNED_IN,
        "not-signed-in",
        "You are not signed in any more, or the API key or token has ended.",
        "Sign in again, or use a valid API key or token.",
    ),
    Loss.RIGHT: (
        p.Close.NOT_ALLOWED,
        "not-allowed",
        "You may not talk to agents here any more.",
        "Ask an admin of your organisation.",
    ),
}

DISMISSALS: Final = {
    p.STREAM_TAKEN: (
        p.Close.OPENED_ELSEWHERE,
        "opened-elsewhere",
        "This conversation was opened in another tab or on another device.",
        "Take it back here, or go on there.",
    ),
    p.STREAM_CROWDED: (
        p.Close.LIMIT_REACHED,
        "too-many-observers",
        "As many people as may are looking on at this conversation.",
        "Try again when one of them has left.",
    ),
}
