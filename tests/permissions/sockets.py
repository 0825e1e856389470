"""The table of the sockets. A new path needs a row here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from conversations.dropin import refusals
from conversations.dropin.paths import SOCKET_PATH, VERTEX_SOCKET_PATH
from conversations.protocol import Close
from tests.permissions.rows import MEMBERS, Whose

LET_IN = 0
STRANGERS = frozenset({"anonymous", "stranger", "operator", "key-revoked", "key-expired"})


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a socket is asked to open, and what its `hello` or its close code is for whom.
    `besides` names visitors with an answer of their own for what is their tenant's."""

    may: frozenset[str] = MEMBERS | {"key-talk", "key-write"}
    besides: Mapping[str, int] = field(default_factory=dict)

    def answer(self, visitor: str, whose: Whose) -> int:
        if visitor in STRANGERS:
            return Close.NOT_SIGNED_IN
        if visitor == "key-globex":
            return LET_IN if whose == "other" else Close.NOT_FOUND
        if visitor not in self.may:
            return Close.NOT_ALLOWED
        return self.besides.get(visitor, LET_IN) if whose == "own" else Close.NOT_FOUND


class Nothing(Opening):
    """Nobody finds anything."""

    def answer(self, visitor: str, whose: Whose) -> int:
        return Close.NOT_FOUND


@dataclass(frozen=True, kw_only=True)
class LiveApi(Opening):
    """Google's protocol, at a path of theirs: for keys alone, whose refusals are Google's."""

    path: str
    may: frozenset[str] = frozenset({"key-globex", "key-talk", "key-write"})

    def answer(self, visitor: str, whose: Whose) -> int:
        if visitor in {"key-revoked", "key-expired"}:
            return refusals.INVALID
        mine = "other" if visitor == "key-globex" else "own"
        return LET_IN if visitor in self.may and whose == mine else refusals.FORBIDDEN


PATH = "ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
DEVELOPER = LiveApi(path=PATH)
# The conversation has ended, so nobody resumes it.
OVER = LiveApi(path=PATH, may=frozenset())
VERTEX = LiveApi(path="ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent")

# The conversation is the member's; a key that may talk continues those of its tenant.
NOT_HERS = dict.fromkeys(MEMBERS - {"member"}, int(Close.NOT_FOUND))

SOCKETS: dict[str, dict[str, Opening]] = {
    "ws/conversations/": {"start": Opening(), "resume": Opening(besides=NOT_HERS)},
    SOCKET_PATH: {"start": DEVELOPER, "resume": OVER},
    VERTEX_SOCKET_PATH: {"start": VERTEX},
    "": {"start": Nothing(), "resume": Nothing()},
}
