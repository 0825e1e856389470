"""What a step of a rotation means for the credentials, the audit and the people, in the
transaction that stores it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from accounts.audit import SYSTEM, record
from accounts.letters import write_to_staff
from accounts.models import Credential, CredentialRotation
from accounts.roles import Permission
from accounts.rotation.key_pair import wipe
from accounts.rotation.progress import Progress, State

_WRITTEN = ["state", "is_primary", "sealed_secret"]
# A problem that lasts is told after so many tries, about two minutes.
TELL_AFTER_TRIES = 5


def move(held: CredentialRotation, progress: Progress, now: datetime, *, actor: str = "") -> None:
    """Store `progress` in the row, which is locked, with all that it brings about.

    `actor` is who demanded it, if somebody did.
    """
    came_from = held.state
    held.take(progress)
    held.due_at = progress.not_before or now
    if progress.state != came_from:
        held.steps = [*held.steps, {"state": progress.state, "at": now.isoformat()}]
        _EFFECTS.get(progress.state, _nothing)(held)
        _note(held, actor or SYSTEM)
    if held.has_ended:
        held.ended_at = now
        held.claimed_until = None
    held.save()
    _write(held, came_from)


# -- The credentials ----------------------------------------------------------------------------


def _nothing(held: CredentialRotation) -> None:
    """Most states mean nothing for the credentials."""


def _promote(held: CredentialRotation) -> None:
    old, new = _locked(held.old_id), _locked(held.new_id)
    if new is None:
        return
    _hand_over(old, new)
    if old is not None and old.state != Credential.State.REVOKED:
        old.state = Credential.State.RETIRING
        old.save(update_fields=_WRITTEN)


def _restore(held: CredentialRotation) -> None:
    old, new = _locked(held.old_id), _locked(held.new_id)
    if old is not None and new is not None:
        _hand_over(new, old)
    if old is not None and old.state == Credential.State.RETIRING:
        old.state = Credential.State.ACTIVE
        old.save(update_fields=_WRITTEN)
    if new is not None and new.state != Credential.State.REVOKED:
        new.state = Credential.State.RETIRING  # nothing new begins on it
        new.save(update_fields=_WRITTEN)


def _let_old_go(held: CredentialRotation) -> None:
    old, new = _locked(held.old_id), _locked(held.new_id)
    if old is None or old.version != held.old_version:
        return  # it holds another secret by now, which is none of ours
    if new is not None:
        _hand_over(old, new)
    _wipe(old)


def _let_new_go(held: CredentialRotation) -> None:
    old, new = _locked(held.old_id), _locked(held.new_id)
    if new is None:
        return
    if old is not None:
        _hand_over(new, old)
    _wipe(new)


def _hand_over(giver: Credential | None, taker: Credential) -> None:
    """Make `taker` the primary one if `giver` is."""
    if giver is None or not giver.is_primary:
        return
    giver.is_primary, taker.is_primary = False, True
    giver.save(update_fields=_WRITTEN)  # first: there is one primary at most
    taker.save(update_fields=_WRITTEN)


def _wipe(credential: Credential) -> None:
    wipe(credential)
    credential.save(update_fields=_WRITTEN)


def _locked(pk: Any) -> Credential | None:
    return Credential.objects.select_for_update().filter(pk=pk).first() if pk else None


_EFFECTS: dict[State, Callable[[CredentialRotation], None]] = {
    State.RETIRING: _promote,
    State.ROLLING_BACK: _restore,
    State.DONE: _let_old_go,
    State.ROLLED_BACK: _let_new_go,
}


# -- The audit and the letters ------------------------------------------------------------------


def _note(held: CredentialRotation, actor: str) -> None:
    subject = held.old or held.new or held
    problem = held.problem or held.cause
    after = {
        "rotation": str(held.pk),
        "new_credential": str(held.new_id or ""),
        "old_key": held.old_key,
        "new_key": held.new_key,
    } | ({"problem": problem["code"]} if problem else {})
    record(f"rotation.{held.state}", subject, actor=actor, after=after)


def _write(held: CredentialRotation, came_from: str) -> None:
    letter = _letter(held, came_from)
    if letter:
        context = {"rotation": held, "problem": held.problem}
        write_to_staff(held.tenant_id, Permission.MANAGE_CREDENTIALS, letter, context)


def _letter(held: CredentialRotation, came_from: str) -> str:
    if held.state == came_from:
        return "rotation_stuck" if held.problem and held.tries == TELL_AFTER_TRIES else ""
    if held.state == State.VERIFIED and not held.by_itself:
        return "rotation_waits"
    return {State.DONE: "rotation_done", State.ROLLED_BACK: "rotation_rolled_back"}.get(
        State(held.state), ""
    )
