from datetime import timedelta

import pytest

from accounts.failover.pacing import PACES, Pace, take_place
from accounts.models import Credential
from accounts.tenancy import platform_scope
from tests.accounts.failover.rows import NOW, credential
from tests.cast import Cast


def test_no_minute_has_more_connections_than_vertex_ai_admits() -> None:
    pace, taken, waits = PACES[Credential.Endpoint.VERTEX], None, []
    for _ in range(50):
        wait, taken = pace.place(taken, NOW)
        waits.append(wait.total_seconds())
    assert waits[:8] == [0] * 5 + [12, 24, 36]
    for begin in waits:
        assert sum(begin <= wait < begin + 60 for wait in waits) <= 10


def test_places_come_back_with_time() -> None:
    pace = Pace(every=timedelta(seconds=6), burst=2)
    _, taken = pace.place(None, NOW)
    _, taken = pace.place(taken, NOW)
    wait, _ = pace.place(taken, NOW + timedelta(seconds=60))
    assert wait == timedelta()


@pytest.mark.django_db
def test_all_workers_take_places_of_one_row(cast: Cast) -> None:
    with platform_scope("test"):
        row = credential(
            cast.acme.tenant,
            endpoint=Credential.Endpoint.VERTEX,
            project="p",
            location="us-central1",
        )
        waits = [take_place(row.pk, NOW) for _ in range(7)]
        assert waits == [0] * 5 + [12, 24]
        other = credential(cast.globex.tenant, name="theirs")
        assert take_place(other.pk, NOW) == 0
        gone = row.pk
        row.delete()
        assert take_place(gone, NOW) == 0
