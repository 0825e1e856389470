"""The rotation of the keyset, step by step: add a key, promote it, re-seal, retire the old one.

How far a rotation has come is read from the keyset file alone (`accounts.keyset.keys`), and
every change of it is one replacement of the file under a lock. So whatever was killed is taken
up by the next `rotate`, and two operators at once do no harm: one of them is told to wait.

No step waits for other processes (docs/decisions/016): a process reads the file when it meets a
key that it does not know.
"""

from collections.abc import Callable
from datetime import datetime

from accounts.audit import SYSTEM, record
from accounts.audit.models import AuditEntry
from accounts.keyset import RotationRefused
from accounts.keyset.file import KeysetFile, editing
from accounts.keyset.keys import (
    Key,
    KeyState,
    keys_of,
    primary_of,
    with_disabled,
    with_new_key,
    with_primary,
    without_keys,
)
from accounts.resealing import BATCH, Survey, reseal, survey
from accounts.tenancy import platform_scope

# Longer than a request or a task (CELERY_TASK_TIME_LIMIT) may hold a row that it read before:
# saving it brings back the ciphertext of the old key.
RETIRE_AFTER_S = 15 * 60

Tell = Callable[[str], None]


def rotate(
    tell: Tell, *, batch_size: int = BATCH, add_only: bool = False, ignore_missing: bool = False
) -> None:
    """Bring a rotation to its end, up to retiring; begin one if none is under way.

    Args:
        tell: takes what was done, line by line.
        batch_size: rows read at once.
        add_only: stop before the new key is promoted, to spread the file first.
        ignore_missing: go on although there are rows whose key is not in the file.

    Raises:
        KeysetError: the step that it names was not taken.
    """
    with editing() as file:
        rows = survey(file.handle)
        if not ignore_missing:
            _refuse_outdated(rows)
        waiting, old = _in_state(file, KeyState.WAITING), _in_state(file, KeyState.OLD)
        if not old and not waiting:
            _add(file, rows, tell)
        if add_only:
            _stop_before_promoting(file, tell)
            return
        if _in_state(file, KeyState.WAITING):
            _promote(file, tell)
        else:
            tell(f"A rotation to key {primary_of(file.handle)} is under way; going on with it.")
        _reseal_all(file, batch_size, tell)


def promote(tell: Tell) -> None:
    """Let the key that waits seal from now on. Raises RotationRefused if none waits."""
    with editing() as file:
        if not _in_state(file, KeyState.WAITING):
            raise RotationRefused(
                "No key waits to be promoted.",
                fix="Add one with `python manage.py keyset rotate --add-only`.",
            )
        _promote(file, tell)


def retire(tell: Tell, *, now: float, delete: bool = False, at_once: bool = False) -> None:
    """Disable the old keys that nothing is sealed with; with `delete`, take the disabled ones
    out of the file. A key with rows is kept.

    Args:
        now: seconds since the epoch.
        at_once: do not wait for processes that may still write with an old key.

    Raises:
        RotationRefused: the keyset changed less than RETIRE_AFTER_S ago, or a key was kept.
        KeysetError: nothing was done.
    """
    with editing() as file:
        ids = [key.id for key in _in_state(file, KeyState.DISABLED if delete else KeyState.OLD)]
        if not ids:
            tell("No key is disabled." if delete else "There is no old key.")
            return
        if not at_once:
            _refuse_hurry(RETIRE_AFTER_S - (now - file.changed_at))
        rows = survey(file.handle)
        unused = [key_id for key_id in ids if not rows.sealed_with(key_id)]
        if unused:
            _take_out(file, unused, tell, delete=delete)
    _tell_kept({key_id: rows.sealed_with(key_id) for key_id in ids if key_id not in unused})


def rewrap(tell: Tell, *, from_uri: str) -> None:
    """Write the file anew as KEYSET_KMS_URI says: encrypted by its key, or in the clear.

    Args:
        from_uri: the key that the file is encrypted with now; empty if it is in the clear.
    """
    with editing(kms_uri=from_uri) as file:
        file.replace(file.handle)
        tell("The keyset file is written anew. Destroy the copies of the former one.")


def created_at(key_id: int) -> datetime | None:
    """When a rotation has added the key; None if no entry of the audit says so."""
    with platform_scope("read when keys were added"):
        added = AuditEntry.objects.filter(action="keyset.add", after__key_id=key_id)
        return added.order_by("at").values_list("at", flat=True).first()


def _in_state(file: KeysetFile, state: KeyState) -> list[Key]:
    return [key for key in keys_of(file.handle) if key.state == state]


def _add(file: KeysetFile, rows: Survey, tell: Tell) -> None:
    handle, key_id = with_new_key(file.handle, taken=rows.missing_keys())
    file.replace(handle)
    _note("keyset.add", key_id)
    tell(f"Key {key_id} was added: it opens, and does not seal yet.")


def _stop_before_promoting(file: KeysetFile, tell: Tell) -> None:
    if not _in_state(file, KeyState.WAITING):
        raise RotationRefused(
            "A rotation is under way, and no key was added.",
            fix="End it with `python manage.py keyset rotate`, then `keyset retire`.",
        )
    tell(
        "Bring the file to every machine that has a copy, then run "
        "`python manage.py keyset promote`."
    )


def _promote(file: KeysetFile, tell: Tell) -> None:
    key_id = _in_state(file, KeyState.WAITING)[-1].id
    file.replace(with_primary(file.handle, key_id))
    _note("keyset.promote", key_id)
    tell(f"Key {key_id} is primary: it seals from now on.")


def _reseal_all(file: KeysetFile, batch_size: int, tell: Tell) -> None:
    result = reseal(
        batch_size=batch_size, progress=lambda label, done: tell(f"{label}: {done} re-sealed")
    )
    key_id = primary_of(file.handle)
    _note("keyset.reseal", key_id, rows=result.done.total())
    tell(f"Re-sealed {result.done.total()} rows with key {key_id}.")
    if result.changed:
        tell(f"{result.changed.total()} rows are changed all the time: run this again.")
    if result.unopened:
        tell(f"{result.unopened.total()} rows do not open: see `python manage.py keyset status`.")


def _take_out(file: KeysetFile, key_ids: list[int], tell: Tell, *, delete: bool) -> None:
    file.replace((without_keys if delete else with_disabled)(file.handle, key_ids))
    action, done = ("keyset.delete", "deleted") if delete else ("keyset.disable", "disabled")
    for key_id in key_ids:
        _note(action, key_id)
        tell(f"Key {key_id} is {done}.")


def _tell_kept(kept: dict[int, int]) -> None:
    if kept:
        which = ", ".join(f"key {key_id} ({rows} rows)" for key_id, rows in kept.items())
        raise RotationRefused(
            f"Kept, because rows are sealed with it: {which}.",
            fix="Re-seal them with `python manage.py keyset reseal`.",
        )


def _refuse_hurry(wait_s: float) -> None:
    if wait_s > 0:
        raise RotationRefused(
            f"The keyset changed less than {RETIRE_AFTER_S // 60} minutes ago: a process may "
            "still write with the old key.",
            fix=f"Run it again in {int(wait_s // 60) + 1} minutes, or add --at-once.",
        )


def _refuse_outdated(rows: Survey) -> None:
    missing = rows.missing_keys()
    if missing:
        which = ", ".join(f"key {key_id} ({count} rows)" for key_id, count in missing.items())
        raise RotationRefused(
            f"Rows are sealed with keys that this file does not hold: {which}.",
            fix="Use the newest copy of the file. If those keys are lost, add --ignore-missing.",
        )


def _note(action: str, key_id: int, **facts: int) -> None:
    with platform_scope("record a step of a keyset rotation"):
        record(action, actor=SYSTEM, after={"key_id": key_id, **facts})
