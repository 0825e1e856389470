"""The page's own code, run against the simulator."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import live
from live import ApiKeyAuth, Connected, Endpoint, Ready, SessionConfig, connect
from live.simulator import Pace, Simulator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "live-quickstart.md").read_text(encoding="utf-8")
SCRIPT, RESUME = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
QUICK = Pace(setup=0.01, first_update=0.01, thinking=0.01, playback=0.0, speed=100)


async def run(script: Path, *arguments: str, key: str) -> tuple[int | None, str, str]:
    """The exit code, and what it wrote to its two outputs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "platform"), "GEMINI_API_KEY": key}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "ask.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


async def test_the_script_holds_its_conversation(script: Path) -> None:
    async with Simulator(pace=QUICK) as simulator:
        ended = await run(script, "Count to three.", simulator.url, key=simulator.api_key)
    assert ended == (0, "One, two, three.", "")


async def test_the_script_says_what_is_wrong_with_its_key(script: Path) -> None:
    async with Simulator(pace=QUICK) as simulator:
        code, out, err = await run(script, "Hello.", simulator.url, key="made-up-key")
    assert (code, out) == (1, "")
    assert "live.errors.CredentialError: The API key is not valid." in err
    assert "made-up-key" not in err


def test_the_talk_has_ten_lines() -> None:
    body = SCRIPT.partition("async def talk")[2].partition("\n\n\n")[0]
    assert len(body.splitlines()) == 10


async def test_the_other_block_resumes_a_session() -> None:
    names: dict[str, Any] = dict(vars(live))
    exec(RESUME, names)  # noqa: S102 - the page's code is what is tested
    async with Simulator(pace=QUICK, resume_wait=0.0) as simulator:
        endpoint, auth = Endpoint.developer(simulator.url), ApiKeyAuth(simulator.api_key)
        config = SessionConfig(model="gemini-3.8-live")
        old = await connect(endpoint, auth, config)
        while not old.handle:
            await old.receive()
        new = await names["resume"](endpoint, auth, config, old)
        assert await new.receive() == [Ready(), Connected()]
        assert new.handle == old.handle
        await new.close()
