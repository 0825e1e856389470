"""`manage.py worker` as a process: says where it serves, ends politely, tells bad settings."""

import signal
import socket

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.children import Children

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_it_is_told_to_end(spawn: Children, number: signal.Signals) -> None:
    child = spawn("worker", env={"WORKER_LISTEN": "127.0.0.1:0"})
    port = child.wait_for(r"worker (\S+) serves at tcp://127\.0\.0\.1:(\d+)")[2]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
        child.send_signal(number)
        assert child.wait() == 0
    assert "worker drains" in child.output
    assert "Traceback" not in child.output


@pytest.mark.parametrize("listen_at", ["7700", "host:http"])
def test_a_bad_address_is_told(settings: Settings, listen_at: str) -> None:
    settings.WORKER_LISTEN = listen_at
    with pytest.raises(CommandError, match=r"WORKER_LISTEN is .*; give host:port"):
        call_command("worker")


def test_a_busy_port_is_told(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        settings.WORKER_LISTEN = f"127.0.0.1:{holder.getsockname()[1]}"
        with pytest.raises(CommandError, match="where this machine cannot listen"):
            call_command("worker")


def test_a_bad_address_is_one_line(spawn: Children) -> None:
    child = spawn("worker", env={"WORKER_LISTEN": "nonsense"})
    assert child.wait() == 1
    assert "CommandError: WORKER_LISTEN is 'nonsense'; give host:port" in child.output
    assert "Traceback" not in child.output
