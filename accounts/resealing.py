"""Bringing what is sealed from older keys to the primary one, while everything runs.

Each row is changed by one conditional UPDATE of its own: a row that somebody else has changed
meanwhile is left to the next pass, no row stays locked for longer than its own UPDATE, and what
was done stays done when the process is killed.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import tink
from celery import shared_task
from tink import aead

from accounts.keyset import KeyMissing, Unsealable, seal
from accounts.keyset.keys import KeyState, keys_of, with_all_enabled
from accounts.keyset.sealing import current, key_id_of, open_with
from accounts.sealed import Place, SealedRow, rows_of, sealed_places

BATCH = 200
# A row that is changed in every pass is changed by somebody who seals with the primary key.
PASSES = 5


_SETTLED = (KeyState.PRIMARY, KeyState.WAITING)


class Opener:
    """Opens with every key of the file, the disabled ones too."""

    def __init__(self, handle: tink.KeysetHandle) -> None:
        self._primitive = with_all_enabled(handle).primitive(aead.Aead)
        keys = keys_of(handle)
        self._key_ids = frozenset(key.id for key in keys)
        # A key that waits is the primary one elsewhere, where the file came first.
        self._settled = {key.id for key in keys if key.state in _SETTLED}

    def is_settled(self, row: SealedRow) -> bool:
        """Whether the row is sealed with the primary key, or with one that waits to be it."""
        return key_id_of(row.sealed) in self._settled

    def open(self, row: SealedRow) -> bytes:
        """Raises KeyMissing if the key is not in the file, otherwise Unsealable."""
        return open_with(self._primitive, row.sealed, row.binding, key_ids=self._key_ids)


@dataclass
class Resealed:
    """What a re-sealing did: rows counted by place."""

    done: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)  # by others, in the last pass
    unopened: Counter[str] = field(default_factory=Counter)  # in the last pass


Progress = Callable[[str, int], None]


def reseal(*, batch_size: int = BATCH, progress: Progress = lambda label, done: None) -> Resealed:
    """Seal every row with the primary key of the file. Running it twice, or two at once, does
    no harm. Memory holds one batch.

    Args:
        progress: called with a place's label and the rows done there, after each batch.

    Raises KeysetUnreadable.
    """
    result = Resealed()
    for _ in range(PASSES):
        result.changed.clear()
        result.unopened.clear()
        for place in sealed_places():
            _reseal_place(place, batch_size, result, progress)
        if not result.changed:
            break
    return result


def _reseal_place(place: Place, batch_size: int, result: Resealed, progress: Progress) -> None:
    last = None
    while batch := place.rows_after(last, batch_size):
        last = batch[-1].pk
        opener = Opener(current().handle)
        before = result.done[place.label]
        for row in batch:
            _reseal_row(place, row, opener, result)
        if result.done[place.label] > before:
            progress(place.label, result.done[place.label])


def _reseal_row(place: Place, row: SealedRow, opener: Opener, result: Resealed) -> None:
    if opener.is_settled(row):
        return
    try:
        secret = opener.open(row)
    except Unsealable:
        result.unopened[place.label] += 1
        return
    outcome = result.done if place.replace(row, seal(secret, row.binding)) else result.changed
    outcome[place.label] += 1


@dataclass
class Survey:
    """What is sealed with which key: rows counted by place and key id."""

    places: list[str] = field(default_factory=list)
    opened: Counter[tuple[str, int]] = field(default_factory=Counter)
    missing: Counter[tuple[str, int]] = field(default_factory=Counter)  # the key is not there
    broken: Counter[str] = field(default_factory=Counter)  # changed, moved, or never sealed

    def sealed_with(self, key_id: int) -> int:
        """Rows of all places that this key opens."""
        return sum(count for (_, key), count in self.opened.items() if key == key_id)

    def missing_keys(self) -> dict[int, int]:
        """Key id -> rows of all places that wait for it."""
        found: Counter[int] = Counter()
        for (_, key_id), count in self.missing.items():
            found[key_id] += count
        return dict(found)


def survey(handle: tink.KeysetHandle, *, batch_size: int = BATCH) -> Survey:
    """Open every row once. Memory holds one batch; 100,000 rows take some seconds."""
    result = Survey()
    opener = Opener(handle)
    for place in sealed_places():
        result.places.append(place.label)
        for row in rows_of(place, batch_size):
            _count(place.label, row, opener, result)
    return result


def _count(label: str, row: SealedRow, opener: Opener, result: Survey) -> None:
    key_id = key_id_of(row.sealed)
    try:
        opener.open(row)
    except KeyMissing as error:
        result.missing[label, error.key_id] += 1
    except Unsealable:
        result.broken[label] += 1
    else:
        result.opened[label, key_id or 0] += 1


@shared_task
def reseal_stragglers() -> int:
    """Re-seal the rows that a slow process has sealed with an old key after a rotation, or that
    came back from a backup. Returns how many there were."""
    return reseal().done.total()
