"""One HTTP request and its answer, on a connection of its own. It never follows a redirect.

h11 reads and writes the protocol. Whoever stops waiting cancels the task, which closes the
connection: there is no thread that would go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult

import h11

from conversations.tools.egress import Egress, host_of
from conversations.tools.outcomes import CallFailed

PIECE = 16 * 1024
MOST_HEADERS = 32 * 1024
USER_AGENT = "Parley"


class Broken(CallFailed):
    """The connection ended, or made no sense, after the request was sent."""

    def __init__(self, host: str) -> None:
        super().__init__(
            "no_answer",
            "The tool's server gave no answer. Whether it did anything is not known.",
            summary=f"{host}: the connection broke before there was an answer.",
        )


class TooLarge(CallFailed):
    def __init__(self, most: int) -> None:
        super().__init__(
            "answer_too_large",
            "The tool's answer is too large to be used.",
            summary=f"The answer is larger than {most // 1024} KiB.",
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `target` is a checked address, `headers` may hold secrets."""

    method: str
    target: SplitResult
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        path = self.target.path or "/"
        return f"{path}?{self.target.query}" if self.target.query else path


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; the names of `headers` are in small letters."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still coming."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    pieces: AsyncIterator[bytes] = field(repr=False)


async def ask(egress: Egress, request: Request, most: int) -> Answer:
    """Send the request and read the whole answer, of at most `most` bytes.

    Raises Refused and Unreachable (nothing was sent), Broken and TooLarge.
    """
    async with asking(egress, request) as stream:
        return Answer(stream.status, stream.headers, await whole(stream, most))


async def whole(stream: Stream, most: int) -> bytes:
    """The body. Raises TooLarge and Broken."""
    body = bytearray()
    async for piece in stream.pieces:
        body += piece
        if len(body) > most:
            raise TooLarge(most)
    return bytes(body)


@asynccontextmanager
async def asking(egress: Egress, request: Request) -> AsyncIterator[Stream]:
    """Send the request and give the answer as it comes; the connection is closed at the end.

    Raises Refused and Unreachable (nothing was sent) and Broken.
    """
    reader, writer = await egress.connect(request.target)
    wire = _Wire(reader, writer, host_of(request.target))
    try:
        yield await wire.ask(request)
    finally:
        # Not waited for: a peer that does not close must not hold a call that is over.
        writer.transport.abort()


class _Wire:
    """One connection as h11 sees it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADERS)

    async def ask(self, request: Request) -> Stream:
        await self._send(request)
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if not isinstance(event, h11.Response):
            raise Broken(self._host)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        return Stream(event.status_code, headers, self._pieces())

    async def _send(self, request: Request) -> None:
        headers = {
            "Host": request.target.netloc,
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",  # a size limit that a packed answer cannot go round
            "Connection": "close",
            **request.headers,
        }
        if request.body or request.method not in {"GET", "DELETE"}:
            headers["Content-Length"] = str(len(request.body))
        events: list[h11.Event] = [
            h11.Request(method=request.method, target=request.path, headers=list(headers.items()))
        ]
        events += [h11.Data(data=request.body)] if request.body else []
        try:
            for event in [*events, h11.EndOfMessage()]:
                self._writer.write(self._http.send(event) or b"")
            await self._writer.drain()
        except OSError:
            raise Broken(self._host) from None

    async def _pieces(self) -> AsyncIterator[bytes]:
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise Broken(self._host)
            yield bytes(event.data)

    async def _next(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(PIECE))
        except (h11.RemoteProtocolError, OSError):
            raise Broken(self._host) from None
        return event
