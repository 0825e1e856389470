"""`manage.py chat` as a process, against a real simulator and through a real Parley."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from live.simulator import Pace, Simulator
from live.simulator.speech import hear, speak
from tests.children import Children, child_environment
from tests.conversations.conftest import Stage
from tests.services import ROOT

pytestmark = pytest.mark.timeout(60)
COMMAND = [sys.executable, "manage.py", "chat"]
WRONG_KEY = "AIza-not-this-one"


@pytest.fixture
async def environment(simulator: Simulator) -> dict[str, str]:
    """Of a person who talks to the simulator; nobody listens, so playback is quick."""
    simulator.pace = Pace(playback=0.1)
    return child_environment(
        {"GEMINI_BASE_URL": simulator.url, "GEMINI_API_KEY": simulator.api_key, "DEMO": "1"}
    )


async def chat(
    environment: dict[str, str], *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; its output and errors are one text."""
    return await asyncio.to_thread(
        subprocess.run,
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )


def record(path: Path, words: str) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(speak(words, 16_000))
    return str(path)


def heard_in(path: Path) -> str:
    with wave.open(str(path)) as file:
        return hear(file.readframes(file.getnframes()), file.getframerate())


async def test_typed_through_a_pipe(environment: dict[str, str]) -> None:
    talk = await chat(
        environment, typed="The code word is plum\n\nWhat is the code word?\n/quit\nx"
    )
    said = talk.stdout.splitlines()
    assert talk.returncode == 0
    assert said[0] == "you: The code word is plum"
    assert said[2] == "you: What is the code word?"
    assert said[3] == "gemini-3.8-live: The code word is plum."
    assert said[4].startswith("usage: ")
    assert len(said) == 5


async def test_a_recording_and_then_words(environment: dict[str, str], tmp_path: Path) -> None:
    said, answer = record(tmp_path / "in.wav", "Count to three"), tmp_path / "out.wav"
    talk = await chat(
        environment, "--wav-in", said, "--fast", "--say", "Count to two", "--wav-out", str(answer)
    )
    assert talk.returncode == 0, talk.stdout
    assert "you: Count to three\ngemini-3.8-live: One, two, three." in talk.stdout
    assert "you: Count to two\ngemini-3.8-live: One, two." in talk.stdout
    assert heard_in(answer) == "One, two, three. One, two."


async def test_a_wrong_key_is_told_in_one_line(environment: dict[str, str]) -> None:
    talk = await chat(environment | {"GEMINI_API_KEY": WRONG_KEY}, "--say", "Hello")
    assert talk.returncode == 1
    assert talk.stdout.count("\n") == 1
    assert talk.stdout.startswith("CommandError: The API key is not valid.")
    assert WRONG_KEY not in talk.stdout


async def test_ctrl_c_in_a_terminal_ends_politely(
    environment: dict[str, str], simulator: Simulator
) -> None:
    simulator.pace = Pace()
    ours, theirs = pty.openpty()
    person = subprocess.Popen(  # noqa: ASYNC220 - a terminal is wanted, and starting is quick
        COMMAND, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        await asyncio.to_thread(read_until, ours, "you: ")
        os.write(ours, b"Count to twenty\n")
        await asyncio.to_thread(read_until, ours, "two")
        person.send_signal(signal.SIGINT)
        rest = await asyncio.to_thread(read_until, ours, "answer")
        assert await asyncio.to_thread(person.wait, 20) == 0
        assert "usage: " in rest
        assert "Traceback" not in rest
    finally:
        person.kill()
        person.wait()
        os.close(ours)


def read_until(descriptor: int, wanted: str) -> str:
    text = ""
    while wanted not in text:
        text += os.read(descriptor, 1024).decode()
    return text


async def test_through_parley(
    stage: Stage, spawn: Children, tmp_path: Path, environment: dict[str, str]
) -> None:
    await asyncio.to_thread(spawn, "worker", ready="serves at")
    web = await asyncio.to_thread(spawn, "web", "--port", "0", ready="Serving on")
    url = web.wait_for(r"Serving on (http://\S+)").group(1)
    through = ["--parley", url, "--agent", str(stage.agent.id)]
    answer = tmp_path / "out.wav"
    said = ["--wav-in", record(tmp_path / "in.wav", "Count to three"), "--wav-out", str(answer)]
    key = {"PARLEY_API_KEY": stage.key}
    talk, refused = await asyncio.gather(
        chat(environment | key, *through, "--say", "Count to two", *said),
        chat(environment, *through, "--key", "wrong", "--say", "Hello"),
    )
    assert talk.returncode == 0, talk.stdout
    assert "you: Count to three\nShop assistant: One, two, three." in talk.stdout
    assert "you: Count to two\nShop assistant: One, two." in talk.stdout
    assert "conversation: " in talk.stdout
    assert heard_in(answer) == "One, two, three. One, two."
    assert refused.returncode == 1
    assert refused.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--base-url", "http://127.0.0.1:1"], "cannot be reached.*Check the base URL"),
        (["--base-url", "http://example.org"], "unencrypted"),
        (["--wav-in", "no-such-file"], "no-such-file: No such file"),
        (["--wav-in", "manage.py"], "no WAV file.*ffmpeg"),
        (["--wav-out", "no/such/folder.wav"], "No such file"),
        (["--vertex"], "GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION"),
        (["--parley", "http://127.0.0.1:1"], "PARLEY_API_KEY"),
        (["--parley", "http://127.0.0.1:1", "--agent", "a", "--key", "k"], "cannot be reached"),
    ],
)
def test_what_cannot_work_is_told_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-made-up")
    with pytest.raises(CommandError, match=complaint):
        call_command("chat", "--say", "Hello", *arguments)


def test_a_credential_is_asked_for() -> None:
    with pytest.raises(CommandError, match="Set GEMINI_API_KEY"):
        call_command("chat", "--say", "Hello")
