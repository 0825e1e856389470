"""Which conversations an export is of: certain ones, or those that a filter lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from conversations.models import Conversation, Tag
from conversations.search import with_words

MOST_CHOSEN: Final = 100

_LOOKUPS: Final = {
    "agent": "agent_id",
    "user": "user_id",
    "end_user": "end_user",
    "state": "state",
    "end_reason": "end_reason",
    "is_test": "is_test",
    "since": "started_at__gte",
    "until": "started_at__lt",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is not said (None, or nothing) is not asked for.

    `conversations`: these alone, at most MOST_CHOSEN. `user` is a person's id, `end_user` an
    integrator's own id for hers; `text` is looked for in the turns. `since` is included, `until`
    is not; both are about the start.
    """

    conversations: tuple[UUID, ...] = ()
    agent: UUID | None = None
    user: UUID | None = None
    end_user: str | None = None
    state: str | None = None
    end_reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_test: bool | None = None
    tag: str | None = None
    text: str | None = None

    @property
    def only(self) -> UUID | None:
        """The conversation, if it is of one."""
        return self.conversations[0] if len(self.conversations) == 1 else None

    def rows(self, before: datetime) -> QuerySet[Conversation]:
        """The conversations of the scope that are wanted and began before a time."""
        said = {name: getattr(self, name) for name in _LOOKUPS}
        lookups = {_LOOKUPS[name]: value for name, value in said.items() if value is not None}
        rows = Conversation.objects.filter(started_at__lte=before, **lookups)
        if self.conversations:
            rows = rows.filter(pk__in=self.conversations)
        if self.tag is not None:
            rows = rows.filter(pk__in=Tag.objects.filter(name=self.tag).values("conversation"))
        return rows if self.text is None else with_words(rows, self.text)

    def as_json(self) -> dict[str, Any]:
        """What is said of it, as a JSON value."""
        said = {name: value for name, value in asdict(self).items() if value not in {None, ()}}
        return {name: _plain(value) for name, value in said.items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Wanted:
        """What `as_json` made."""
        known = {each.name for each in fields(cls)} & value.keys()
        return cls(**{name: _READERS.get(name, _as_it_is)(value[name]) for name in known})


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _as_it_is(value: Any) -> Any:
    return value


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "conversations": lambda ids: tuple(map(UUID, ids)),
    "agent": UUID,
    "user": UUID,
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
}
