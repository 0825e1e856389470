"""The words a conversation's life is told in, and what may follow what.

Two machines live here, and nothing else: the conversation's own state, and a turn's.
Models store these words, `parley.v1` sends them, the page shows them. Anything that
moves a state goes through `follow`, so a step that the tables do not name is an error
and never a silent repair.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

# The kind of the stored event that tells: the user wanted nothing more to be recorded.
RECORDING_STOPPED = "recording-stopped"


class ConversationState(StrEnum):
    WAITING = "waiting"  # nobody hosts it yet
    LIVE = "live"  # an upstream session answers
    ROTATING = "rotating"  # the upstream session is being replaced
    PAUSED = "paused"  # nobody is attached; it can be continued
    ENDED = "ended"


class AgentState(StrEnum):
    WAITING = "waiting"
    LISTENING = "listening"
    HEARING_USER = "hearing-user"
    THINKING = "thinking"
    USING_TOOL = "using-tool"
    SPEAKING = "speaking"
    INTERRUPTED = "interrupted"


class Speaker(StrEnum):
    USER = "user"
    AGENT = "agent"
    STAFF = "staff"
    SYSTEM = "system"


class TurnState(StrEnum):
    PARTIAL = "partial"
    FINAL = "final"
    INTERRUPTED = "interrupted"
    REDACTED = "redacted"
    FAILED = "failed"


class EndReason(StrEnum):
    USER_LEFT = "user-left"
    IDLE_LIMIT = "idle-limit"
    MAX_DURATION = "max-duration"
    BUDGET_EXHAUSTED = "budget-exhausted"
    TENANT_SUSPENDED = "tenant-suspended"
    TENANT_LEAVING = "tenant-leaving"
    CREDENTIAL_PROBLEM = "credential-problem"
    UPSTREAM_UNAVAILABLE = "upstream-unavailable"
    CAPACITY_FULL = "capacity-full"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - a reason, not a secret
    STAFF_ENDED = "staff-ended"
    SERVER_DRAINING = "server-draining"
    POLICY_BLOCKED = "policy-blocked"
    OPENED_ELSEWHERE = "opened-elsewhere"
    NETWORK_LOST = "network-lost"


class Medium(StrEnum):
    """What a person may send, by its kind."""

    TEXT = "text"
    AUDIO = "audio"
    IMAGE = "image"


class ToolKind(StrEnum):
    """Who answers a tool's calls."""

    HTTP = "http"  # a server of the tenant's, at one address
    CLIENT = "client"  # the page, or the program that holds the conversation
    MCP = "mcp"  # a server that speaks the Model Context Protocol


class CallState(StrEnum):
    """How far a tool call is. `requested` is one that a page has to make, until it says that it
    begins; what a server makes is `running` at once."""

    REQUESTED = "requested"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"


OPEN_CALLS = frozenset({CallState.REQUESTED, CallState.RUNNING})


class TokenKind(StrEnum):
    """What tokens are of, and which way they went; each kind has its own price.

    `other` are those of which the service tells no modality, or one that is not named here.
    """

    TEXT_IN = "text_in"
    AUDIO_IN = "audio_in"
    IMAGE_IN = "image_in"
    VIDEO_IN = "video_in"
    OTHER_IN = "other_in"
    TEXT_OUT = "text_out"
    AUDIO_OUT = "audio_out"
    OTHER_OUT = "other_out"


CONVERSATION_STEPS: Mapping[ConversationState, frozenset[ConversationState]] = {
    ConversationState.WAITING: frozenset(
        {ConversationState.LIVE, ConversationState.PAUSED, ConversationState.ENDED}
    ),
    ConversationState.LIVE: frozenset(
        {
            ConversationState.ROTATING,
            ConversationState.WAITING,
            ConversationState.PAUSED,
            ConversationState.ENDED,
        }
    ),
    ConversationState.ROTATING: frozenset(
        {ConversationState.LIVE, ConversationState.WAITING, ConversationState.ENDED}
    ),
    ConversationState.PAUSED: frozenset(
        {ConversationState.WAITING, ConversationState.LIVE, ConversationState.ENDED}
    ),
    ConversationState.ENDED: frozenset(),
}

TURN_STEPS: Mapping[TurnState, frozenset[TurnState]] = {
    TurnState.PARTIAL: frozenset({TurnState.FINAL, TurnState.INTERRUPTED, TurnState.FAILED}),
    TurnState.FINAL: frozenset({TurnState.REDACTED}),
    TurnState.INTERRUPTED: frozenset({TurnState.REDACTED}),
    TurnState.FAILED: frozenset({TurnState.REDACTED}),
    TurnState.REDACTED: frozenset(),
}


class IllegalStep(Exception):
    """A state was asked to become one that its table does not allow."""

    def __init__(self, current: StrEnum, new: StrEnum) -> None:
        super().__init__(current, new)
        self.current = current
        self.new = new

    def __str__(self) -> str:
        return f"{type(self.current).__name__} cannot go from {self.current} to {self.new}"


State = TypeVar("State", bound=StrEnum)


def follow(steps: Mapping[State, frozenset[State]], current: State, new: State) -> State:
    """Return `new` if `steps` allows it after `current`; staying put is always allowed.

    Raises IllegalStep otherwise.
    """
    if new != current and new not in steps[current]:
        raise IllegalStep(current, new)
    return new
