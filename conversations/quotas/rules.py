"""Which limits count for a conversation, and what the use so far means. Pure.

Four parties can have limits: the tenant, the agent, the person, and the token that a program's
own user came with. What is counted (conversations at once, minutes, money) is counted for each
of them by itself, so each has budgets of its own. What bounds one conversation or one message is
the smallest of all.

A budget has two thresholds. From the soft one on people are warned; at the hard one nothing
new begins, and what runs is ended. Days and months are those of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from accounts.limits import LimitKind, Limits

WARN_PERCENT = 80
UNLIMITED = Limits()
# A place may become free at any moment: it is worth asking again so soon.
PLACE_RETRY = timedelta(seconds=30)


class Whose(StrEnum):
    TENANT = "tenant"
    AGENT = "agent"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a party, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The limits of everybody a conversation concerns; the tenant's are narrowed by its plan."""

    tenant: Limits = UNLIMITED
    agent: Limits = UNLIMITED
    user: Limits = UNLIMITED
    token: Limits = UNLIMITED

    def of(self, whose: Whose) -> Limits:
        limits: Limits = getattr(self, whose)
        return limits


@dataclass(frozen=True, slots=True)
class Budget:
    """So much of something, for one party. `soft` and `hard`: conversations, ms or micro-units."""

    whose: Whose
    kind: LimitKind
    soft: int
    hard: int


# How much is used, in the units of the budgets. What is missing is not used.
Use = Mapping[tuple[Whose, LimitKind], int]


@dataclass(frozen=True, slots=True)
class Reached:
    """A budget whose soft or hard threshold the use has reached."""

    budget: Budget
    used: int

    @property
    def is_hard(self) -> bool:
        return self.used >= self.budget.hard

    @property
    def percent(self) -> int:
        """The share that is used; a budget of nothing is used up."""
        return self.used * 100 // self.budget.hard if self.budget.hard else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one conversation, and its messages, may be."""

    length_ms: int | None = None
    idle_ms: int | None = None
    messages_per_min: int | None = None
    message_chars: int | None = None


UNBOUNDED = Bounds()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing new begins now, for the person who asks, and when to ask again."""

    code: str
    message: str
    fix: str
    retry_after_s: int


def stack_of(
    *,
    plan: Limits,
    tenant: Limits,
    agent: Limits,
    user: Limits | None,
    members: Limits,
    token: Limits = UNLIMITED,
) -> Stack:
    """What counts for a conversation. `user` is the person's own set, which goes before what
    every member has; None where nobody signed in talks, but a program by its key."""
    person = UNLIMITED if user is None else user.over(members)
    return Stack(tenant=tenant.narrowed_by(plan), agent=agent, user=person, token=token)


def budgets_of(stack: Stack) -> list[Budget]:
    return [budget for whose in Whose for budget in _budgets(whose, stack.of(whose))]


def _budgets(whose: Whose, limits: Limits) -> list[Budget]:
    percent = WARN_PERCENT if limits.warn_percent is None else limits.warn_percent
    hard = {
        LimitKind.SESSIONS: limits.sessions,
        LimitKind.DAY_MINUTES: _ms(limits.day_minutes),
        LimitKind.MONTH_MINUTES: _ms(limits.month_minutes),
        LimitKind.DAY_SPEND: limits.day_spend_micros,
        LimitKind.MONTH_SPEND: limits.month_spend_micros,
        LimitKind.TOTAL_SPEND: limits.total_spend_micros,
    }
    return [
        Budget(whose, kind, soft=-(-value * percent // 100), hard=value)
        for kind, value in hard.items()
        if value is not None
    ]


def _ms(minutes: int | None) -> int | None:
    return None if minutes is None else minutes * 60_000


def bounds_of(stack: Stack) -> Bounds:
    least = stack.tenant.narrowed_by(stack.agent).narrowed_by(stack.user).narrowed_by(stack.token)
    return Bounds(
        length_ms=least.length_ms,
        idle_ms=least.idle_ms,
        messages_per_min=least.messages_per_min,
        message_chars=least.message_chars,
    )


def reached(budgets: list[Budget], use: Use) -> list[Reached]:
    """The budgets at or above their soft threshold, in their order."""
    found = (Reached(budget, use.get((budget.whose, budget.kind), 0)) for budget in budgets)
    return [each for each in found if each.used >= each.budget.soft]


def refusal(budgets: list[Budget], use: Use, now: datetime) -> Refusal | None:
    """Why no conversation may begin beside what is used already; None when one may.

    Of several reasons the one that lasts longest is told: after the others one would only
    hear of the next.
    """
    full = [each.budget for each in reached(budgets, use) if each.is_hard]
    if not full:
        return None
    return refusal_by(max(full, key=lambda budget: retry_at(budget.kind, now)), now)


def refusal_by(budget: Budget, now: datetime) -> Refusal:
    """What is told of one used-up budget. Its size is its owner's business."""
    wait_s = int((retry_at(budget.kind, now) - now).total_seconds()) + 1
    if budget.kind == LimitKind.SESSIONS:
        message = f"{_SUBJECTS[budget.whose]} as many conversations at once as allowed."
        return Refusal("too-many-conversations", message, _FIXES_AT_ONCE[budget.whose], wait_s)
    message = f"{_SUBJECTS[budget.whose]} used up {_WORDS[budget.kind]}."
    fix = f"Start again {_WHEN[budget.kind]}, or ask an admin of your organisation for more."
    return Refusal("budget-exhausted", message, fix, wait_s)


_SUBJECTS = {
    Whose.TENANT: "Your organisation has",
    Whose.AGENT: "This agent has",
    Whose.USER: "You have",
    Whose.TOKEN: "You have",
}
_FIXES_AT_ONCE = {
    Whose.TENANT: "Start again when another one has ended; half a minute may do.",
    Whose.AGENT: "Start again when another one has ended, or choose another agent.",
    Whose.USER: "End one of your other conversations, then start again.",
    Whose.TOKEN: "End one of your other conversations, then start again.",
}
_WORDS = {
    LimitKind.DAY_MINUTES: "the minutes of this day",
    LimitKind.MONTH_MINUTES: "the minutes of this month",
    LimitKind.DAY_SPEND: "the budget of this day",
    LimitKind.MONTH_SPEND: "the budget of this month",
    LimitKind.TOTAL_SPEND: "the budget of your visit",
}
_WHEN = {
    LimitKind.DAY_MINUTES: "after midnight UTC",
    LimitKind.DAY_SPEND: "after midnight UTC",
    LimitKind.MONTH_MINUTES: "next month",
    LimitKind.MONTH_SPEND: "next month",
    LimitKind.TOTAL_SPEND: "with a new token",
}


# -- Periods -----------------------------------------------------------------------------------

BY_DAY = frozenset({LimitKind.DAY_MINUTES, LimitKind.DAY_SPEND})
BY_MONTH = frozenset({LimitKind.MONTH_MINUTES, LimitKind.MONTH_SPEND})
EVER = frozenset({LimitKind.TOTAL_SPEND})
SPEND = frozenset({LimitKind.DAY_SPEND, LimitKind.MONTH_SPEND, LimitKind.TOTAL_SPEND})
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
# No token lives longer, so that its budget is another's by then.
TOKENS_END = timedelta(hours=20)


def period_start(kind: LimitKind, now: datetime) -> datetime:
    """When the day or the month of a budget began; `now` is in UTC."""
    if kind in EVER:
        return ALWAYS
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.replace(day=1) if kind in BY_MONTH else midnight


def retry_at(kind: LimitKind, now: datetime) -> datetime:
    """When something may begin again, once the budget is used up."""
    if kind in BY_DAY:
        return period_start(kind, now) + timedelta(days=1)
    if kind in BY_MONTH:
        return (period_start(kind, now) + timedelta(days=32)).replace(day=1)
    if kind in EVER:
        return now + TOKENS_END
    return now + PLACE_RETRY
