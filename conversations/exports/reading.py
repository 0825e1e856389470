"""Conversations with their turns and events, in one steady order, from any position on.

Pages are found by the last key that was read, so the last page costs as much as the first, and a
page is all that is in memory. Conversations come in the order of their ids, which is that of
time; of each first the head, then its turns, then its events if they are asked for, then the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from conversations.models import Conversation, Event, Turn

PAGE: Final = 1000
# Conversations that are read together, unless they say more than a page holds.
MOST_TOGETHER: Final = 50

TURN_COLUMNS: Final = (
    *("conversation_id", "epoch", "first_seq", "speaker", "state", "text", "start_ms", "end_ms"),
)
EVENT_COLUMNS: Final = ("conversation_id", "epoch", "seq", "kind", "ms", "data")

Row = dict[str, Any]


class Stage(IntEnum):
    HEAD = 0
    TURNS = 1
    EVENTS = 2
    END = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Up to and with this everything was read. In the stages of rows `epoch` and `seq` name the
    row that was the last one."""

    conversation: UUID
    stage: Stage
    epoch: int = 0
    seq: int = 0

    def as_json(self) -> list[Any]:
        return [str(self.conversation), int(self.stage), self.epoch, self.seq]

    @classmethod
    def from_json(cls, value: list[Any]) -> Place:
        conversation, stage, epoch, seq = value
        return cls(UUID(conversation), Stage(stage), epoch, seq)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is read at once. `row` is a turn or an event, by its columns; empty for the head and
    the end of a conversation."""

    conversation: Conversation
    place: Place
    row: Row

    @property
    def stage(self) -> Stage:
        return self.place.stage


def conversations_after(
    rows: QuerySet[Conversation], place: Place | None, page: int = PAGE
) -> Iterator[list[Conversation]]:
    """The conversations that are not done at a place, a few at a time."""
    rows = rows.select_related("agent", "user").order_by("pk")
    if place is not None:
        is_done = place.stage is Stage.END
        rows = rows.filter(**{"pk__gt" if is_done else "pk__gte": place.conversation})
    while found := list(rows[: min(page, MOST_TOGETHER)]):
        yield found
        rows = rows.filter(pk__gt=found[-1].pk)


def entries(
    rows: QuerySet[Conversation],
    place: Place | None,
    *,
    with_events: bool = False,
    page: int = PAGE,
) -> Iterator[Entry]:
    """Everything after a place; from the beginning for None. Needs the tenant's scope."""
    for batch in conversations_after(rows, place, page):
        ids = [each.pk for each in batch]
        read = [(Stage.TURNS, _Rows(Turn, "first_seq", TURN_COLUMNS, page))]
        if with_events:
            read.append((Stage.EVENTS, _Rows(Event, "seq", EVENT_COLUMNS, page)))
        told = [(stage, _ByConversation(rows.of(ids, place, stage))) for stage, rows in read]
        for conversation in batch:
            if place is None or place.conversation != conversation.pk:
                yield Entry(conversation, Place(conversation.pk, Stage.HEAD), {})
            for stage, those in told:
                for at, row in those.of(conversation.pk):
                    yield Entry(conversation, Place(conversation.pk, stage, *at), row)
            yield Entry(conversation, Place(conversation.pk, Stage.END), {})


Key = tuple[int, int]


class _Rows:
    """Rows of a model, as their columns name them, in the order of the conversation."""

    def __init__(self, model: type[Model], seq: str, columns: tuple[str, ...], page: int) -> None:
        self._model: Any = model
        self._seq = seq
        self._columns = columns
        self._page = page

    def of(self, ids: list[UUID], place: Place | None, stage: Stage) -> Iterator[tuple[Key, Row]]:
        """Those of the conversations that come after the place, in the order of the ids."""
        if place is not None and place.stage >= stage and place.conversation in ids:
            ids = [each for each in ids if each != place.conversation]
            if place.stage == stage:
                yield from self._of_one(place.conversation, (place.epoch, place.seq))
        together = list(self._rows(conversation_id__in=ids)[: self._page])
        if len(together) < self._page:
            yield from map(self._keyed, together)
            return
        # They say more than a page: each by itself, so that no page sorts what later ones hold.
        del together
        for each in ids:
            yield from self._of_one(each, None)

    def _of_one(self, conversation: UUID, after: Key | None) -> Iterator[tuple[Key, Row]]:
        rows = self._rows(conversation_id=conversation)
        while True:
            page = list((rows.filter(self._beyond(*after)) if after else rows)[: self._page])
            yield from map(self._keyed, page)
            if len(page) < self._page:
                return
            after, _ = self._keyed(page[-1])

    def _rows(self, **of: Any) -> Any:
        rows = self._model.objects.filter(**of).values(*self._columns)
        return rows.order_by("conversation_id", "epoch", self._seq)

    def _keyed(self, row: Row) -> tuple[Key, Row]:
        return (row["epoch"], row[self._seq]), row

    def _beyond(self, epoch: int, seq: int) -> Q:
        return Q(epoch__gt=epoch) | Q(epoch=epoch, **{f"{self._seq}__gt": seq})


class _ByConversation:
    """Rows that come in the order of their conversations, given out for one after another."""

    def __init__(self, rows: Iterator[tuple[Key, Row]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, conversation_id: UUID) -> Iterator[tuple[Key, Row]]:
        while self._next is not None and self._next[1]["conversation_id"] == conversation_id:
            yield self._next
            self._next = next(self._rows, None)
