"""The blocks of docs/guides/webhooks.md, run as they stand."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.api_keys import create_api_key
from conversations.webhooks.delivering import deliver_due
from tests.cast import Cast
from tests.conversations.tools.shop import HOST
from tests.conversations.webhooks.rows import allow_host, deliveries, tell
from tests.services import ROOT

pytestmark = [pytest.mark.timeout(60), pytest.mark.django_db(transaction=True)]

PAGE = (ROOT / "docs" / "guides" / "webhooks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(_, SERVER), (_, ADD), (_, TEST), (_, REPLAY) = BLOCKS


def free_port() -> int:
    with socket.create_server((HOST, 0)) as there:
        port: int = there.getsockname()[1]
    return port


def sh(script: str, **environment: str) -> Any:
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_the_guide_from_the_first_line_to_the_last(
    cast: Cast, live_server: LiveServer, settings: Settings
) -> None:
    settings.TOOL_PRIVATE_HOSTS = [HOST]
    allow_host(cast.acme.tenant, HOST)
    _, key = create_api_key(cast.acme.tenant, "hooks", ["admin"])
    port = free_port()
    there = {"PARLEY": live_server.url, "PARLEY_KEY": key}
    row = sh(ADD, RECEIVER=f"http://{HOST}:{port}/", **there)
    there["WEBHOOK"] = row["id"]
    assert sh(TEST, **there)["state"] == "waiting"
    tell(cast.acme.tenant, "one", "turn.final", conversation="x", turn={"turn": "1.1"})
    program = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env={"PATH": os.environ["PATH"], "PORT": str(port), "WEBHOOK_SECRET": row["secret"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        wait_for(port)
        deliver_due(timezone.now)
        assert program.stdout is not None
        said = {program.stdout.readline().split()[0] for _ in range(2)}
        assert said == {"webhook.test", "turn.final"}
    finally:
        program.kill()
        program.communicate()
    assert {each.state for each in deliveries()} == {"delivered"}
    since = timezone.now().isoformat()
    assert sh(REPLAY, SINCE=since, **there) == {"deliveries": 0}


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)  # between two looks
        else:
            return
