"""The blocks of docs/guides/quick-starts.md, run as they stand."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accounts.api_keys import create_api_key
from accounts.database import in_database
from tests.conversations.dropin.conftest import Server, server  # noqa: F401 - a fixture
from tests.services import ROOT
from tests.services.node import SDK, find_node

if TYPE_CHECKING:
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("shared_database")]

PAGE = (ROOT / "docs" / "guides" / "quick-starts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(_, CURL), (_, PYTHON), (_, MINT), (_, BROWSER) = BLOCKS[1:]


async def run(
    command: list[str],
    server: Server,  # noqa: F811
    key: str,
    **environment: str,
) -> str:
    """Its output. Fails with its errors. The simulator needs the loop meanwhile."""
    there = {"PARLEY": server.tls_url, "PARLEY_KEY": key, "SSL_CERT_FILE": str(server.authority)}
    there |= {"CURL_CA_BUNDLE": str(server.authority), "PATH": os.environ["PATH"], **environment}
    done = await asyncio.to_thread(
        subprocess.run, command, env=there, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def sh(script: str) -> list[str]:
    return ["sh", "-eu", "-c", script]


def test_the_page_has_its_blocks() -> None:
    assert [language for language, _ in BLOCKS] == ["sh", "sh", "python", "sh", "js"]


@pytest.fixture
async def key(stage: Stage) -> str:
    tenant = stage.cast.acme.tenant
    _, key = await in_database(create_api_key, tenant, "all", ["read", "write", "talk", "tokens"])
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
    trusted = {"NODE_EXTRA_CA_CERTS": str(server.authority)}
    said = await run([str(find_node()), str(script)], server, key, **trusted)
    assert said.replace("\n", "") == "One, two, three."
