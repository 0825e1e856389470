"""The blocks of docs/guides/quick-starts.md, run as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.api_keys import create_api_key
from accounts.database import in_database
from conversations.webhooks.delivering import deliver_due
from tests.children import Child
from tests.conversations.dropin.conftest import Server, server  # noqa: F401 - a fixture
from tests.conversations.tools.shop import HOST
from tests.conversations.webhooks.rows import allow_host
from tests.services import ROOT
from tests.services.node import SDK, find_node

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("shared_database")]

PAGE = (ROOT / "docs" / "guides" / "quick-starts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(_, CURL), (_, PYTHON), (_, MINT), (_, BROWSER) = BLOCKS[1:5]
(_, RECEIVER), (_, ADD), (_, RECEIVED), (_, GENERATE), (_, CLIENT) = BLOCKS[5:]
WITH_TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module", autouse=True)
def receivers_may_be_here() -> Iterator[None]:
    """Of the processes that `server` starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOL_PRIVATE_HOSTS", HOST)
        yield


async def run(
    command: list[str],
    server: Server,  # noqa: F811
    key: str,
    *,
    cwd: Path | None = None,
    **environment: str,
) -> str:
    """Its output. Fails with its errors. The simulator needs the loop meanwhile."""
    there = {"PARLEY": server.tls_url, "PARLEY_KEY": key, "SSL_CERT_FILE": str(server.authority)}
    there |= {"CURL_CA_BUNDLE": str(server.authority), "PATH": os.environ["PATH"], **environment}
    started = partial(subprocess.run, command, cwd=cwd, env=there, capture_output=True, text=True)
    done = await asyncio.to_thread(started, timeout=50, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def sh(script: str) -> list[str]:
    return ["sh", "-eu", "-c", script]


def test_the_page_has_its_blocks() -> None:
    languages = [language for language, _ in BLOCKS]
    assert languages[:5] == ["sh", "sh", "python", "sh", "js"]
    assert languages[5:] == ["python", "sh", "text", "sh", "python"]


@pytest.fixture
async def key(stage: Stage) -> str:
    tenant = stage.cast.acme.tenant
    scopes = ["read", "write", "talk", "tokens", "admin"]
    _, key = await in_database(create_api_key, tenant, "all", scopes)
    return key


async def test_curl_holds_a_conversation(key: str, server: Server) -> None:  # noqa: F811
    assert "One, two, three." in await run(sh(CURL), server, key)


async def test_the_python_sdk_holds_one(key: str, server: Server) -> None:  # noqa: F811
    assert await run([sys.executable, "-c", PYTHON], server, key) == "One, two, three.\n"


async def test_a_page_with_a_token_holds_one(key: str, server: Server, tmp_path: Path) -> None:  # noqa: F811
    token = json.loads(await run(sh(MINT), server, key))
    token["baseUrl"] = server.tls_url  # this one's, which no setting names
    script = tmp_path / "page.mjs"
    script.write_text(f"const token = {json.dumps(token)};\n{BROWSER}", encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(SDK / "node_modules")
    command, trusted = [str(find_node()), str(script)], str(server.authority)
    said = await run(command, server, key, NODE_EXTRA_CA_CERTS=trusted)
    assert said.replace("\n", "") == "One, two, three."


async def test_a_receiver_hears_of_the_conversation(
    key: str,
    server: Server,  # noqa: F811
    stage: Stage,
    settings: Settings,
) -> None:
    settings.TOOL_PRIVATE_HOSTS = [HOST]
    await in_database(allow_host, stage.cast.acme.tenant, HOST)
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
    secret = (await run(sh(ADD), server, key, RECEIVER=f"http://{HOST}:{port}/")).strip()
    there = {"PATH": os.environ["PATH"], "PORT": str(port), "WEBHOOK_SECRET": secret}
    receiver = server.spawn.adopt(Child([sys.executable, "-c", RECEIVER], there))
    await asyncio.to_thread(receiver.wait_for_port, port)
    await run(sh(CURL), server, key)
    expected = sorted(RECEIVED.splitlines())
    while len(heard := heard_by(receiver)) < len(expected):
        await in_database(deliver_due, timezone.now)  # what Celery does
        await asyncio.sleep(0.05)  # between two looks
    assert sorted(heard) == expected


def heard_by(receiver: Child) -> list[str]:
    """What it printed, without its server's log."""
    said = [line.strip() for line in receiver.output.splitlines()]
    return [line for line in said if line.startswith(("conversation.", "turn."))]


async def test_a_generated_client_holds_one(key: str, server: Server, tmp_path: Path) -> None:  # noqa: F811
    await run(sh(GENERATE), server, key, cwd=tmp_path, PATH=WITH_TOOLS)
    said = await run([sys.executable, "-c", CLIENT], server, key, cwd=tmp_path)
    assert said == "One, two, three.\n"
