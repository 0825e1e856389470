"""When a running conversation is warned and ended. Pure: the time is passed in.

Each limit that can end the conversation is turned into a time at which it does. Then all are
treated alike:

* It is told five minutes, one minute and twenty seconds before, as far as it can be known.
* Nobody is ended without twenty seconds' notice, also where a limit was lowered or a budget
  was found to be used up: the notice counts from when it was first told.
* The end comes at the next pause, so that no word is cut, and `GRACE_MS` later at the latest.
* What does not hold any more (somebody speaks again, a limit was raised) is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accounts.limits import LimitKind
from conversations.quotas.rules import UNBOUNDED, Bounds
from conversations.states import EndReason

WARNINGS_MS = (300_000, 60_000, 20_000)
NOTICE_MS = 20_000
GRACE_MS = 10_000
# An end that moves by less is the same end.
SAME_MS = 1_500

REASONS = {
    LimitKind.LENGTH: EndReason.MAX_DURATION,
    LimitKind.IDLE: EndReason.IDLE_LIMIT,
    LimitKind.SESSIONS: EndReason.CAPACITY_FULL,
    LimitKind.DAY_MINUTES: EndReason.BUDGET_EXHAUSTED,
    LimitKind.MONTH_MINUTES: EndReason.BUDGET_EXHAUSTED,
    LimitKind.DAY_SPEND: EndReason.BUDGET_EXHAUSTED,
    LimitKind.MONTH_SPEND: EndReason.BUDGET_EXHAUSTED,
    LimitKind.TOTAL_SPEND: EndReason.BUDGET_EXHAUSTED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a conversation's limits: `used_up` ends it; of each `near` one, the
    percentage that is used is told to its person."""

    bounds: Bounds = UNBOUNDED
    used_up: frozenset[LimitKind] = frozenset()
    near: Mapping[LimitKind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """The conversation ends in `left_ms`, or `percent` of a budget are used; with neither, what
    was said of `what` before does not hold any more."""

    what: LimitKind
    left_ms: int | None = None
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to tell now, and why to end now, if it is time."""

    say: tuple[Say, ...] = ()
    end: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Coming:
    """An end that was told: first at `told_ms`, last for `end_ms` at the warning `at_ms`."""

    told_ms: int
    end_ms: int
    at_ms: int


class Timekeeper:
    """Judges one conversation. Times are ms since it began."""

    def __init__(self) -> None:
        self.standing = Standing()
        self._coming: dict[LimitKind, Coming] = {}
        self._near: set[LimitKind] = set()

    def look(self, ms: int, *, active_ms: int, at_pause: bool) -> Verdict:
        """What to do at `ms`, when somebody was last active at `active_ms`."""
        say: list[Say] = []
        ends = self._ends(active_ms)
        for kind in self._coming.keys() - ends.keys():
            self._take_back(kind, say)
        for kind, (end_ms, whole_ms) in ends.items():
            self._approach(kind, ms, end_ms, whole_ms, say)
        self._tell_near(say)
        return Verdict(tuple(say), self._due(ms, at_pause=at_pause))

    def _ends(self, active_ms: int) -> dict[LimitKind, tuple[int, int | None]]:
        """When each limit ends the conversation, and how long it gave in all."""
        bounds = self.standing.bounds
        ends: dict[LimitKind, tuple[int, int | None]]
        ends = dict.fromkeys(self.standing.used_up, (0, None))
        if bounds.length_ms is not None:
            ends[LimitKind.LENGTH] = (bounds.length_ms, bounds.length_ms)
        if bounds.idle_ms is not None:
            ends[LimitKind.IDLE] = (active_ms + bounds.idle_ms, bounds.idle_ms)
        return ends

    def _approach(
        self, kind: LimitKind, ms: int, end_ms: int, whole_ms: int | None, say: list[Say]
    ) -> None:
        coming = self._coming.get(kind)
        told_ms = ms if coming is None else coming.told_ms
        # What is near enough to be told is not nearer than the notice.
        if end_ms - ms <= WARNINGS_MS[0]:
            end_ms = max(end_ms, told_ms + NOTICE_MS)
        at_ms = warning_at(end_ms - ms, whole_ms)
        if at_ms is None:
            self._take_back(kind, say)
        elif coming is None or at_ms < coming.at_ms or abs(end_ms - coming.end_ms) > SAME_MS:
            self._coming[kind] = Coming(told_ms, end_ms, at_ms)
            say.append(Say(kind, left_ms=max(0, end_ms - ms)))

    def _take_back(self, kind: LimitKind, say: list[Say]) -> None:
        if self._coming.pop(kind, None) is not None:
            say.append(Say(kind))

    def _tell_near(self, say: list[Say]) -> None:
        near = self.standing.near.keys() - self.standing.used_up
        say += [Say(kind, percent=self.standing.near[kind]) for kind in sorted(near - self._near)]
        gone = self._near - near - self.standing.used_up
        say += [Say(kind) for kind in sorted(gone)]
        self._near = set(near)

    def _due(self, ms: int, *, at_pause: bool) -> EndReason | None:
        due = [(each.end_ms, kind) for kind, each in self._coming.items() if each.end_ms <= ms]
        if not due:
            return None
        end_ms, kind = min(due)
        return REASONS[kind] if at_pause or ms >= end_ms + GRACE_MS else None


def warning_at(left_ms: int, whole_ms: int | None) -> int | None:
    """The warning that is due with `left_ms` to go: the smallest that was passed.

    A limit of `whole_ms` gives no warning that would stand from the beginning, but the last.
    """
    due = [
        at_ms
        for at_ms in WARNINGS_MS
        if left_ms <= at_ms and (whole_ms is None or at_ms < whole_ms or at_ms == WARNINGS_MS[-1])
    ]
    return min(due, default=None)
