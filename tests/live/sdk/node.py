"""The JavaScript SDK in a Node process of its own, worked by `javascript/driver.mjs`."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.services.node import NODE_ADVICE, SDK, SDK_ADVICE, find_node, find_packages

MAX_LINE = 4 * 1024 * 1024
CHUNK = 3200  # bytes: a tenth of a second at 16 kHz


class SdkError(Exception):
    """What the SDK threw; `status` is that of HTTP, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Closed(Exception):
    """The SDK reported that the connection has ended."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Turn:
    """What the messages of one turn said, up to turnComplete."""

    def __init__(self) -> None:
        self.sound = b""
        self.understood = self.said = self.written = ""
        self.interrupted = False
        self.tokens = 0
        self.handle = ""
        self.activity: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self.cancelled: list[str] = []

    def take(self, message: dict[str, Any]) -> None:
        self.sound += b64decode(message.get("data") or "")
        self.activity += [message["voiceActivity"]["type"]] if "voiceActivity" in message else []
        self.tokens = message.get("usageMetadata", {}).get("totalTokenCount", self.tokens)
        self.handle = message.get("sessionResumptionUpdate", {}).get("newHandle") or self.handle
        self.calls += message.get("toolCall", {}).get("functionCalls", [])
        self.cancelled += message.get("toolCallCancellation", {}).get("ids", [])
        content = message.get("serverContent", {})
        self.interrupted |= content.get("interrupted", False)
        self.understood += content.get("inputTranscription", {}).get("text", "")
        self.said += content.get("outputTranscription", {}).get("text", "")
        parts = content.get("modelTurn", {}).get("parts", [])
        self.written += "".join(part.get("text", "") for part in parts)


class Driver:
    """One Node process with at most one session at a time. Its methods raise SdkError."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders, self._reports = process.stdin, process.stdout
        self._early: deque[dict[str, Any]] = deque()

    async def connect(
        self, options: dict[str, Any], model: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        """Open a session, and return its setupComplete."""
        order = {"options": options, "model": model, "config": config}
        setup: dict[str, Any] = await self._order("connect", order)
        return setup

    async def call(self, method: str, **parameters: Any) -> None:
        """Call a method of the session."""
        await self._order("call", {"method": method, "parameters": parameters})

    async def create_token(self, options: dict[str, Any], **config: Any) -> str:
        name: str = await self._order("createToken", {"options": options, "config": config})
        return name

    async def text(self, text: str) -> None:
        await self.call("sendRealtimeInput", text=text)

    async def audio(self, sound: bytes) -> None:
        """Send PCM of 16 kHz in pieces of a tenth of a second, as fast as it goes."""
        for start in range(0, len(sound), CHUNK):
            data = b64encode(sound[start : start + CHUNK]).decode()
            blob = {"data": data, "mimeType": "audio/pcm;rate=16000"}
            await self.call("sendRealtimeInput", audio=blob)

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the session says. Raises Closed at its end."""
        while True:
            report = self._early.popleft() if self._early else await self._report()
            if "closed" in report:
                raise Closed(**report["closed"])
            if "message" in report:
                yield report["message"]

    async def turn(self) -> Turn:
        turn = Turn()
        async for message in self.messages():
            turn.take(message)
            if message.get("serverContent", {}).get("turnComplete"):
                break
        return turn

    async def end(self) -> tuple[list[dict[str, Any]], Closed]:
        """Wait for the end of the connection: what came before it, and how it ended."""
        late: list[dict[str, Any]] = []
        try:
            async for message in self.messages():
                late.append(message)  # noqa: PERF401 - a comprehension would lose them all
        except Closed as closed:
            return late, closed
        raise AssertionError("messages never end without a report")

    async def close(self) -> None:
        await self.call("close")
        await self.end()

    async def _order(self, name: str, argument: dict[str, Any]) -> Any:
        self._orders.write(json.dumps({name: argument}).encode() + b"\n")
        await self._orders.drain()
        while True:
            report = await self._report()
            if "done" in report:
                return report["done"]
            if "failed" in report:
                raise SdkError(**report["failed"])
            self._early.append(report)

    async def _report(self) -> dict[str, Any]:
        line = await self._reports.readline()
        assert line, "Node ended"
        report: dict[str, Any] = json.loads(line)
        return report


@asynccontextmanager
async def running(log: IO[bytes], certificates: Path) -> AsyncIterator[Driver]:
    """Start Node, which trusts these certificates as well, and end it with the block.

    What the SDK says beside its messages goes to `log`. A test fails that finds no Node or no SDK.
    """
    node = find_node()
    if node is None:
        pytest.fail(NODE_ADVICE)
    if find_packages() is None:
        pytest.fail(SDK_ADVICE)
    process = await asyncio.create_subprocess_exec(
        node,
        SDK / "driver.mjs",
        env={"NODE_EXTRA_CA_CERTS": str(certificates)},
        stdin=PIPE,
        stdout=PIPE,
        stderr=log,
        limit=MAX_LINE,
    )
    try:
        yield Driver(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
