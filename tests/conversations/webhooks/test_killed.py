"""Processes are killed with -9 between commit and delivery, and between sending and noting it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.models import WebhookDelivery, WebhookEndpoint
from tests.cast import Cast
from tests.children import child_environment
from tests.conversations.tools.shop import HOST, Reply, Shop
from tests.conversations.webhooks.rows import attempts, deliveries, read
from tests.services import ROOT

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("transactional_db")]
Ask = Callable[..., int]


@pytest.fixture
def ask() -> Iterator[Ask]:
    settings = {"TOOL_PRIVATE_HOSTS": HOST, "DJANGO_SETTINGS_MODULE": "config.settings"}
    paths = f"{ROOT}:{ROOT / 'platform'}"
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.conversations.webhooks.crew"],
        cwd=ROOT,
        env=child_environment({**settings, "PYTHONPATH": paths}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def answer(*wish: object) -> int:
        assert program.stdin is not None
        assert program.stdout is not None
        print(*wish, file=program.stdin, flush=True)
        return int(program.stdout.readline())

    yield answer
    program.communicate(timeout=60)


def test_nothing_is_lost_and_what_comes_twice_has_one_id(
    cast: Cast, endpoint: WebhookEndpoint, receiver: Shop, ask: Ask
) -> None:
    let_go = threading.Event()
    receiver.replies = [Reply(hold=let_go), Reply()]
    assert ask("tell", cast.acme.tenant.pk) == -signal.SIGKILL
    assert [row.state for row in deliveries()] == ["waiting"], "no hint was ever sent"
    first = ask("deliver")
    assert receiver.arrived.wait(60)
    assert ask("kill", first) == -signal.SIGKILL
    let_go.set()
    [row] = deliveries()
    assert (row.state, row.tries, attempts()) == ("waiting", 1, [])
    # Nobody else takes it while the dead one's lease lasts.
    assert ask("join", ask("deliver")) == 0
    assert len(receiver.asked) == 1
    with platform_scope("test"):
        WebhookDelivery.objects.update(due_at=timezone.now())
    assert ask("join", ask("deliver")) == 0
    assert [row.state for row in deliveries()] == ["delivered"]
    ids = [asked.headers["webhook-id"] for asked in receiver.asked]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert read(receiver.asked[1])["data"] == {"export": "one"}
