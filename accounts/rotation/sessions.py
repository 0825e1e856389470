"""How many sessions run on a credential. `accounts` does not know sessions: who does, adds itself.

A rotation keeps the old key while sessions run on it, so who hosts sessions has to answer.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from uuid import UUID

Count = Callable[[Collection[UUID]], Mapping[UUID, int]]

_counts: list[Count] = []


def counts_sessions(count: Count) -> Count:
    """Decorator: `count` returns how many sessions run on each of some credentials of the scope;
    one without sessions may be left out. It may run one query."""
    _counts.append(count)
    return count


def sessions_on(credential_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """How many sessions run on each of these credentials right now; 0 for what is not named."""
    found: Counter[UUID] = Counter()
    for count in _counts:
        found.update(count(credential_ids))
    return found
