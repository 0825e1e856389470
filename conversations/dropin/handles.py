"""Our resumption handles: they name a conversation, and nobody else can make one.

A handle is good for as long as the conversation is, on every server, also after all of them
were started anew. Who resumes has to be let in as well: a handle is no credential.
"""

from __future__ import annotations

import uuid
from typing import Final

from django.core.signing import BadSignature, Signer

_SALT: Final = "conversations.dropin.handle"


def handle_of(conversation_id: uuid.UUID) -> str:
    return Signer(salt=_SALT).sign(conversation_id.hex)


def conversation_of(handle: str) -> uuid.UUID | None:
    """The conversation that a handle names; None when it is none of ours."""
    try:
        return uuid.UUID(Signer(salt=_SALT).unsign(handle))
    except (BadSignature, ValueError):
        return None
