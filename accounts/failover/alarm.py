"""What stands over every page of the admin while a credential of the tenant fails."""

from dataclasses import dataclass
from datetime import datetime

from accounts.failover.choice import in_order, usable_ones
from accounts.models import Credential


@dataclass(frozen=True, slots=True)
class Alarm:
    """`mark` is `warn` while another one steps in, `bad` when none is left."""

    mark: str
    title: str
    text: str
    credential: Credential


def alarm_for(rows: list[Credential], now: datetime) -> Alarm | None:
    """The alarm that a tenant's credentials give, the gravest one; None if they give none."""
    failing = [row for row in in_order(rows) if row.state in _FAILS and not _rested(row, now)]
    if not failing:
        return None
    first, usable = failing[0], usable_ones(rows, now)
    if not usable:
        title = "No Gemini credential works: no conversation can be held."
        return Alarm("bad", title, f"{first.name}: {_why(first)}", first)
    title = f"The Gemini credential {first.name} does not work."
    return Alarm("warn", title, f"{_why(first)} {_instead(first, usable[0])}", first)


_FAILS = frozenset({Credential.State.FAILING, Credential.State.UNDECRYPTABLE})


def trouble_of(row: Credential, now: datetime) -> str:
    """Why a credential fails, since when, and how it comes back; "" for one that works."""
    if row.state not in _FAILS or _rested(row, now):
        return ""
    since = f" Since {row.failed_at:%d %b %Y, %H:%M} UTC." if row.failed_at else ""
    return f"{_why(row)}{since}"


def _rested(row: Credential, now: datetime) -> bool:
    return row.rests_until is not None and row.rests_until <= now


def _why(row: Credential) -> str:
    if row.state == Credential.State.UNDECRYPTABLE:
        return "Its secret does not open with this server's keyset."
    what = row.failure or "The last try failed."
    if row.rests_until is None:
        return f"{what} It is used again once it was verified."
    return f"{what} It is tried again by itself at {row.rests_until:%H:%M} UTC."


def _instead(failing: Credential, usable: Credential) -> str:
    if failing.is_primary:
        return f"Conversations run on {usable.name} meanwhile."
    return f"Conversations run on {usable.name}; this one could not step in for it."
