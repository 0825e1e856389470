from dataclasses import FrozenInstanceError

import pytest

from accounts.rotation.progress import (
    AFTER_PROMOTION,
    BEFORE_PROMOTION,
    ENDED,
    Progress,
    State,
)
from tests.accounts.rotation.world import START


def test_every_state_is_before_or_after_promotion_or_on_its_way_out() -> None:
    others = {State.DELETING, State.ROLLING_BACK}
    kinds = [BEFORE_PROMOTION, AFTER_PROMOTION, ENDED, others]
    assert sorted(each for kind in kinds for each in kind) == sorted(State)


def test_a_progress_does_not_change() -> None:
    progress = Progress(State.REQUESTED, START, "old")
    with pytest.raises(FrozenInstanceError):
        progress.tries = 1  # type: ignore[misc]
