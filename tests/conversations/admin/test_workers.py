import pytest
from django.test import Client

from accounts.tenancy import platform_scope
from conversations.admin.workers import with_sessions
from conversations.models import Lease, WorkerProcess
from tests.accounts.admin.desk import audited
from tests.cast import Cast
from tests.conversations.talks import ago, make_agent, make_open, signed_in

pytestmark = pytest.mark.django_db
ROOT = "/admin/conversations/workerprocess/"


@pytest.fixture
def operator(cast: Cast) -> Client:
    WorkerProcess.objects.enrol("w-1", "127.0.0.1:5000", 500)
    row = make_open(make_agent(cast.acme.tenant), cast.acme.member, ago(seconds=-60))
    with platform_scope("test"):
        Lease.objects.filter(conversation=row).update(worker="w-1")
    return signed_in(cast.operator)


def act(client: Client, action: str, **fields: str) -> str:
    data = {"action": action, "_selected_action": "w-1", "index": "0", **fields}
    return client.post(ROOT, data, follow=True).text


def worker() -> WorkerProcess:
    with platform_scope("test"):
        found: WorkerProcess = with_sessions(WorkerProcess.objects.all()).get(name="w-1")
    return found


def test_draining_tells_its_effect_and_can_be_taken_back(operator: Client) -> None:
    asked = act(operator, "drain")
    assert "1 live conversation moved to other workers" in asked
    assert "No other worker is there" in asked
    assert worker().drain_asked_at is None
    assert "Draining, 1 left" in act(operator, "drain", confirmed="yes")
    assert worker().drain_asked_at is not None
    WorkerProcess.objects.enrol("w-2", "127.0.0.1:5001", 500)
    page = operator.get("/admin/").text
    assert "Draining, 1 left" in page
    assert "Take on again…" in page
    assert "Takes on" in act(operator, "take_on", confirmed="yes")
    assert worker().drain_asked_at is None
    assert "1 other worker can take them." in act(operator, "drain")
    assert audited()[-2:] == ["worker.drain-asked", "worker.drain-taken-back"]


@pytest.mark.parametrize(
    ("has_room", "capacity", "state"),
    [
        (True, 10, "Takes on"),
        (False, 1, "Full"),
        (False, 10, "Late: takes nothing new"),
        (None, 10, "Leaving, 1 left"),
    ],
)
def test_what_a_worker_does_with_new_ones_is_said(
    operator: Client, has_room: bool | None, capacity: int, state: str
) -> None:
    rows = WorkerProcess.objects.filter(name="w-1")
    rows.update(has_room=has_room, capacity=capacity, lag_ms=37)
    page = operator.get(ROOT).text
    assert state in page
    assert "37 ms" in page
    assert f"{100 // capacity} %" in page


def test_who_is_gone_is_not_listed(operator: Client) -> None:
    assert "w-1" in operator.get(ROOT).text
    WorkerProcess.objects.update(seen_at=ago(seconds=11))
    assert "w-1" not in operator.get(ROOT).text
    WorkerProcess.objects.update(seen_at=ago(days=2))
    WorkerProcess.objects.enrol("w-2", "127.0.0.1:5001", 500)
    assert list(WorkerProcess.objects.values_list("name", flat=True)) == ["w-2"]


def test_tenants_do_not_know_of_workers(operator: Client, cast: Cast) -> None:
    owner = signed_in(cast.acme.owner)
    assert owner.get(ROOT).status_code == 404
    assert owner.post(ROOT, {"action": "drain", "_selected_action": "w-1"}).status_code == 404
