"""How far the rotation of a service account's key has come, and what there is to know for it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import TextChoices


class State(TextChoices):
    REQUESTED = "requested", "Requested"
    PREPARED = "prepared", "Key pair made"
    CREATED = "created", "New key at Google"
    VERIFIED = "verified", "New key verified"
    RETIRING = "retiring", "New key in use, the old one retires"
    DISABLED = "disabled", "Old key disabled"
    DELETING = "deleting", "Old key is being deleted"
    DONE = "done", "Done"
    ROLLING_BACK = "rolling-back", "Rolling back"
    ROLLED_BACK = "rolled-back", "Rolled back"


ENDED = frozenset({State.DONE, State.ROLLED_BACK})
# The old key is still what new conversations use.
BEFORE_PROMOTION = frozenset({State.REQUESTED, State.PREPARED, State.CREATED, State.VERIFIED})
AFTER_PROMOTION = frozenset({State.RETIRING, State.DISABLED})


class Demand(TextChoices):
    """What a person may ask of a rotation that runs."""

    PROMOTE = "promote", "Promote now"
    RETIRE = "retire", "Retire now"
    ROLL_BACK = "roll-back", "Roll back"
    TRY_AGAIN = "try-again", "Try again now"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it does not go on, in words for the organisation's administrators."""

    code: str
    summary: str
    fix: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What is stored of a rotation after each step. The keys are ids of Google's."""

    state: State
    since: datetime
    old_key: str
    by_itself: bool = True  # it promotes without being told to
    new_key: str = ""
    known_keys: tuple[str, ...] = ()  # what the account held before ours was made
    attempted_at: datetime | None = None  # an upload began, and nobody knows how it ended
    verified_at: datetime | None = None
    retire_by: datetime | None = None  # sessions on the key that goes are waited for until then
    delete_at: datetime | None = None  # the disabled key is watched until then
    doomed: tuple[str, ...] = ()  # to be deleted at Google
    old_disabled: bool = False  # as the last list showed it, while rolling back
    problem: Problem | None = None  # what stands in the way now, or why it was rolled back
    cause: Problem | None = None  # why it is being rolled back; None if a person wished it
    tries: int = 0  # failures in a row
    not_before: datetime | None = None  # a pause after a failure


@dataclass(frozen=True, slots=True)
class View:
    """What our own database knows right now. Sessions are counted by the key they run on."""

    old_sessions: int = 0
    new_sessions: int = 0
    new_broken: bool = False
    old_replaced: bool = False  # somebody has entered another secret for the old credential
    shared: bool = False  # another credential uses the old key


class Act(StrEnum):
    """What is done next. HEED, PROMOTE and FAIL ask nothing of the world."""

    LIST = "list"
    UPLOAD = "upload"
    TRY = "try"
    PROMOTE = "promote"
    DISABLE = "disable"
    ENABLE = "enable"
    DELETE = "delete"
    FAIL = "fail"
    HEED = "heed"  # what a person has demanded


@dataclass(frozen=True, slots=True)
class Ask:
    act: Act
    key_id: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until then. `problem` says what is waited for, where that is one."""

    until: datetime
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class SeenKey:
    """A key of the account. `ours` if its public half is the one that this rotation made."""

    key_id: str
    disabled: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    keys: tuple[SeenKey, ...]


@dataclass(frozen=True, slots=True)
class Uploaded:
    key_id: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It was done, or was so already."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It was refused, for good if `permanent`; otherwise nobody knows whether it was done."""

    problem: Problem
    permanent: bool


Answer = Listed | Uploaded | Succeeded | Failed
