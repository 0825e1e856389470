"""Whether workers have room, and when a program shall ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conversations.models import Lease, WorkerProcess
from conversations.room import LATEST_RETRY_S, RETRY_S, all_full, retry_after_s
from tests.conversations.talks import ago, make_agent, make_open

if TYPE_CHECKING:
    from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_tenants")]


def worker(name: str, *, has_room: bool | None) -> None:
    WorkerProcess.objects.enrol(name, f"tcp://{name}:1", 10)
    WorkerProcess.objects.report(name, drained=False, has_room=has_room, lag_ms=0)


def test_all_are_full_when_each_that_takes_part_says_so() -> None:
    assert not all_full(), "nobody is there: one may be starting"
    worker("leaving", has_room=None)
    assert not all_full(), "another one is about to come"
    worker("full", has_room=False)
    assert all_full()
    worker("free", has_room=True)
    assert not all_full()
    WorkerProcess.objects.filter(name="free").update(seen_at=ago(seconds=11))
    assert all_full(), "what a dead worker said last does not count"


def test_the_line_keeps_its_order_and_forgets_who_left(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    first, second, third = (make_open(agent, cast.acme.member, ago(seconds=9)).pk for _ in "123")
    line = Lease.objects
    assert [line.stand_in_line(row) for row in (first, second, third)] == [1, 2, 3]
    assert line.stand_in_line(second) == 2, "asking again changes nothing"
    assert retry_after_s() == RETRY_S + 3
    line.filter(conversation=first).update(asked_at=ago(seconds=7))
    assert line.stand_in_line(second) == 1
    assert line.stand_in_line(first) == 1, "back after a cut of seconds: its place was kept"
    line.filter(conversation=first).update(asked_at=ago(seconds=31))
    assert line.stand_in_line(first) == 3, "away for too long"
    won = line.claim(second, "w", "tcp://w:1")
    assert won is not None
    assert line.stand_in_line(second) is None, "it has a host"
    assert [lease.conversation_id for lease in line.in_line()] == [third, first]
    assert not line.drop_unhosted(second)
    assert line.drop_unhosted(third)
    assert line.stand_in_line(third) is None
    assert line.stand_in_line(first) == 1


def test_who_waits_keeps_its_place_among_the_tenants_conversations(cast: Cast) -> None:
    row = make_open(make_agent(cast.acme.tenant), cast.acme.member, ago(minutes=5))
    held = Lease.objects.with_place().filter(conversation=row)
    assert not held.exists()
    Lease.objects.stand_in_line(row.pk)
    assert held.exists()


def test_a_long_line_does_not_send_programs_away_for_hours(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    for _ in range(LATEST_RETRY_S):
        Lease.objects.stand_in_line(make_open(agent, cast.acme.member, ago(seconds=9), words=()).pk)
    assert retry_after_s() == LATEST_RETRY_S
