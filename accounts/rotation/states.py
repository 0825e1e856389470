"""The rotation of a service account's key as one table, without I/O: what to ask next, and what
an answer makes of it.

Each answer is stored before the next thing is asked, so a process that dies loses one answer at
most. Every ask but an upload may be repeated at will. An upload is marked before it begins; if
its answer is lost, the key is looked for by its public half, which nobody else has.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from accounts.rotation.progress import (
    AFTER_PROMOTION,
    BEFORE_PROMOTION,
    ENDED,
    Act,
    Answer,
    Ask,
    Demand,
    Failed,
    Listed,
    Problem,
    Progress,
    State,
    Succeeded,
    Uploaded,
    View,
    Wait,
)

MOST_KEYS: Final = 10  # of one service account, at Google
SETTLE: Final = timedelta(seconds=60)  # after it a lost upload shows in the list, or never was
VERIFY_WITHIN: Final = timedelta(minutes=5)  # a new key may need a minute until it works
GIVE_UP_AFTER: Final = timedelta(hours=1)
RETIRE_WITHIN: Final = timedelta(hours=24)
GRACE: Final = timedelta(hours=1)  # the longest life of a token
LOOK_AGAIN: Final = timedelta(seconds=30)
_SHORT_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_TRIES_BEFORE_DELETING = 3

KEY_LIMIT = "key_limit"
KEY_UNKNOWN = "key_unknown"  # `live`'s code for a key or an account that does not exist
NEW_KEY_BROKEN = "new_key_broken"

_FULL = Problem(
    KEY_LIMIT,
    f"The service account has no room for another key: it holds {MOST_KEYS}.",
    "Delete a key of the account that nobody uses, in the Google Cloud console under "
    "IAM & Admin, Service Accounts, Keys. Then rotate again.",
)
_REPLACED = Problem(
    "secret_replaced",
    "Another key was entered for the credential while its key was being rotated.",
    "Rotate again if the key that was entered is to be replaced too.",
)
_BROKEN = Problem(
    NEW_KEY_BROKEN,
    "The new key stopped working after it had been verified.",
    "Nothing needs to be done: the old key is in use again. See whether somebody deleted the "
    "new key at Google, then rotate again.",
)
_SHARED = Problem(
    "key_shared",
    "Another credential uses the old key, so it is kept.",
    "Give that credential a key of its own, or revoke it.",
)


def next_ask(p: Progress, view: View, now: datetime) -> Ask | Wait:
    """What to do now. The rotation must not have ended."""
    if p.not_before is not None and now < p.not_before:
        return Wait(p.not_before, p.problem)
    if p.state in BEFORE_PROMOTION and view.old_replaced:
        return Ask(Act.FAIL, problem=_REPLACED)
    if p.state in AFTER_PROMOTION and view.new_broken:
        return Ask(Act.FAIL, problem=_BROKEN)
    return _NEXT[p.state](p, view, now)


def begin(p: Progress, ask: Ask, now: datetime) -> Progress:
    """What is to be stored before `ask` is done."""
    return replace(p, attempted_at=now) if ask.act == Act.UPLOAD else p


def after(p: Progress, ask: Ask, answer: Answer, now: datetime) -> Progress:
    """What an answer makes of it. PROMOTE and FAIL are answered with Succeeded."""
    if ask.act == Act.FAIL:
        return _roll_back(p, now, ask.problem)
    if isinstance(answer, Failed):
        return _after_failure(p, ask, answer, now)
    went_well = replace(p, problem=None, tries=0, not_before=None)
    if isinstance(answer, Listed):
        return _AFTER_LIST[p.state](went_well, answer, now)
    if isinstance(answer, Uploaded):
        return _made(went_well, answer.key_id, now)
    return _AFTER[ask.act](went_well, ask, now)


def allowed(p: Progress) -> list[Demand]:
    """What may be asked of it now."""
    found = []
    if p.state in BEFORE_PROMOTION and not p.by_itself:
        found.append(Demand.PROMOTE)
    if p.state in AFTER_PROMOTION:
        found.append(Demand.RETIRE)
    if p.state in BEFORE_PROMOTION | AFTER_PROMOTION:
        found.append(Demand.ROLL_BACK)
    if p.not_before is not None and p.state not in ENDED:
        found.append(Demand.TRY_AGAIN)
    return found


def heed(p: Progress, demand: Demand, now: datetime) -> Progress:
    """What a person's demand makes of it; nothing if it comes too late."""
    if demand not in allowed(p):
        return p
    p = replace(p, not_before=None)
    if demand == Demand.ROLL_BACK:
        return _roll_back(p, now, None)
    if demand == Demand.PROMOTE:
        return replace(p, by_itself=True)
    if demand == Demand.RETIRE:
        return replace(p, retire_by=now, delete_at=p.delete_at and now)
    return p


# -- What to ask --------------------------------------------------------------------------------


def _prepared(p: Progress, view: View, now: datetime) -> Ask | Wait:
    if p.attempted_at is None:
        return Ask(Act.UPLOAD)
    return _settled(p, now) or Ask(Act.LIST)


def _settled(p: Progress, now: datetime) -> Wait | None:
    """A wait while an upload without an answer may still come to light."""
    if p.attempted_at is None or now >= p.attempted_at + SETTLE:
        return None
    return Wait(p.attempted_at + SETTLE, p.problem)


def _verified(p: Progress, view: View, now: datetime) -> Ask | Wait:
    return Ask(Act.PROMOTE) if p.by_itself else Wait(now + LOOK_AGAIN)


def _retiring(p: Progress, view: View, now: datetime) -> Ask | Wait:
    if view.shared:
        return Wait(now + LOOK_AGAIN, _SHARED)
    return _drained(p, view.old_sessions, now) or Ask(Act.DISABLE, p.old_key)


def _disabled(p: Progress, view: View, now: datetime) -> Ask | Wait:
    if p.delete_at is not None and now < p.delete_at:
        return Wait(min(p.delete_at, now + LOOK_AGAIN))
    return _drained(p, view.old_sessions, now) or Ask(Act.TRY)


def _drained(p: Progress, sessions: int, now: datetime) -> Wait | None:
    """A wait while sessions run on a key that has to go."""
    if not sessions or p.retire_by is None or now >= p.retire_by:
        return None
    return Wait(min(p.retire_by, now + LOOK_AGAIN))


def _deleting(p: Progress, view: View, now: datetime) -> Ask | Wait:
    return Ask(Act.DELETE, p.doomed[0]) if p.doomed else Ask(Act.LIST)


def _rolling_back(p: Progress, view: View, now: datetime) -> Ask | Wait:
    if p.old_disabled:
        return Ask(Act.ENABLE, p.old_key)
    if p.doomed:
        return _drained(p, view.new_sessions, now) or Ask(Act.DELETE, p.doomed[0])
    return _settled(p, now) or Ask(Act.LIST)


_Next = Callable[[Progress, View, datetime], Ask | Wait]
_NEXT: dict[State, _Next] = {
    State.REQUESTED: lambda p, view, now: Ask(Act.LIST),
    State.PREPARED: _prepared,
    State.CREATED: lambda p, view, now: Ask(Act.TRY),
    State.VERIFIED: _verified,
    State.RETIRING: _retiring,
    State.DISABLED: _disabled,
    State.DELETING: _deleting,
    State.ROLLING_BACK: _rolling_back,
}


# -- What an answer makes of it -----------------------------------------------------------------


def _room(p: Progress, listed: Listed, now: datetime) -> Progress:
    if len(listed.keys) >= MOST_KEYS:
        return _enter(p, State.ROLLED_BACK, now, problem=_FULL)
    known = tuple(key.key_id for key in listed.keys)
    return _enter(p, State.PREPARED, now, known_keys=known)


def _look_for_ours(p: Progress, listed: Listed, now: datetime) -> Progress:
    for key in listed.keys:
        if key.ours:
            return _made(p, key.key_id, now)
    return replace(p, attempted_at=None)


def _what_is_left_to_delete(p: Progress, listed: Listed, now: datetime) -> Progress:
    doomed = tuple(
        key.key_id
        for key in listed.keys
        if key.key_id == p.old_key or (key.ours and key.key_id != p.new_key)
    )
    return replace(p, doomed=doomed) if doomed else _enter(p, State.DONE, now)


def _what_is_left_to_undo(p: Progress, listed: Listed, now: datetime) -> Progress:
    old = next((key for key in listed.keys if key.key_id == p.old_key), None)
    ours = tuple(key.key_id for key in listed.keys if key.ours and key.key_id != p.old_key)
    if old is None and p.new_key in ours and _new_key_works(p):
        # Somebody has deleted the old key: the new one is all there is left to talk with.
        return _enter(p, State.RETIRING, now, retire_by=now)
    disabled = old is not None and old.disabled
    if not ours and not disabled:
        return _enter(p, State.ROLLED_BACK, now, problem=p.cause)
    return replace(p, doomed=ours, old_disabled=disabled, attempted_at=None)


def _new_key_works(p: Progress) -> bool:
    return p.verified_at is not None and (p.cause is None or p.cause.code != NEW_KEY_BROKEN)


_AfterList = Callable[[Progress, Listed, datetime], Progress]
_AFTER_LIST: dict[State, _AfterList] = {
    State.REQUESTED: _room,
    State.PREPARED: _look_for_ours,
    State.DELETING: _what_is_left_to_delete,
    State.ROLLING_BACK: _what_is_left_to_undo,
}


def _made(p: Progress, key_id: str, now: datetime) -> Progress:
    return _enter(p, State.CREATED, now, new_key=key_id, attempted_at=None)


def _tried(p: Progress, ask: Ask, now: datetime) -> Progress:
    if p.state == State.CREATED:
        return _enter(p, State.VERIFIED, now, verified_at=now)
    return _enter(p, State.DELETING, now, doomed=())


def _promoted(p: Progress, ask: Ask, now: datetime) -> Progress:
    return _enter(p, State.RETIRING, now, retire_by=now + RETIRE_WITHIN)


def _old_is_off(p: Progress, ask: Ask, now: datetime) -> Progress:
    return _enter(p, State.DISABLED, now, delete_at=now + GRACE)


def _old_is_on(p: Progress, ask: Ask, now: datetime) -> Progress:
    # The list says whether it is so; it may be a little behind.
    return replace(p, old_disabled=False, not_before=now + _SHORT_PAUSE)


def _deleted(p: Progress, ask: Ask, now: datetime) -> Progress:
    return replace(p, doomed=tuple(key for key in p.doomed if key != ask.key_id))


_After = Callable[[Progress, Ask, datetime], Progress]
_AFTER: dict[Act, _After] = {
    Act.TRY: _tried,
    Act.PROMOTE: _promoted,
    Act.DISABLE: _old_is_off,
    Act.ENABLE: _old_is_on,
    Act.DELETE: _deleted,
}


# -- What a failure makes of it -----------------------------------------------------------------

# What is gone need not be disabled or deleted, and an account that is gone holds no keys.
_FINE_IF_GONE = frozenset({Act.DISABLE, Act.DELETE})
_EMPTY_IF_GONE = frozenset({State.DELETING, State.ROLLING_BACK})


def _after_failure(p: Progress, ask: Ask, failed: Failed, now: datetime) -> Progress:
    if failed.problem.code == KEY_UNKNOWN and ask.act in _FINE_IF_GONE:
        done = after(p, ask, Succeeded(), now)
        # The list that has shown it is a little behind.
        return replace(done, not_before=now + _SHORT_PAUSE) if ask.act == Act.DELETE else done
    if failed.problem.code == KEY_UNKNOWN and ask.act == Act.LIST and p.state in _EMPTY_IF_GONE:
        return after(p, ask, Listed(()), now)
    tries = replace(p, problem=failed.problem, tries=p.tries + 1)
    if _is_the_end(tries, ask, failed, now):
        refused = failed.permanent and ask.act == Act.UPLOAD
        return _roll_back(tries, now, _cause(p, failed), refused=refused)
    return replace(tries, not_before=now + _pause(tries))


def _is_the_end(p: Progress, ask: Ask, failed: Failed, now: datetime) -> bool:
    if p.state == State.CREATED:
        return now >= p.since + VERIFY_WITHIN
    if p.state == State.DISABLED:
        return failed.permanent and p.tries >= _TRIES_BEFORE_DELETING
    if p.state in BEFORE_PROMOTION:
        return failed.permanent or now >= p.since + GIVE_UP_AFTER
    return False


def _cause(p: Progress, failed: Failed) -> Problem:
    if p.state == State.DISABLED:
        return replace(failed.problem, code=NEW_KEY_BROKEN)
    return failed.problem


def _pause(p: Progress) -> timedelta:
    longest = LOOK_AGAIN if p.state == State.CREATED else _LONGEST_PAUSE
    doublings = min(p.tries - 1, 12)
    return min(_SHORT_PAUSE * (1 << doublings), longest)


def _roll_back(
    p: Progress, now: datetime, cause: Problem | None, *, refused: bool = False
) -> Progress:
    p = replace(p, cause=cause)
    if p.state == State.REQUESTED:
        return _enter(p, State.ROLLED_BACK, now, problem=cause)
    if p.state == State.PREPARED and refused:
        p = replace(p, attempted_at=None)  # a refusal is an answer: no key was made
    return _enter(p, State.ROLLING_BACK, now, retire_by=now + RETIRE_WITHIN)


def _enter(p: Progress, state: State, now: datetime, **changes: object) -> Progress:
    fresh: dict[str, object] = {
        "problem": None, "tries": 0, "not_before": None, "doomed": (), "old_disabled": False
    }  # fmt: skip
    return replace(p, state=state, since=now, **(fresh | changes))  # type: ignore[arg-type]
