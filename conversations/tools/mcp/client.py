"""A client of one MCP server: JSON-RPC over streamable HTTP, in the parts that tools need.

Nothing is offered to the server (no sampling, no roots), so what it asks us is not answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import SplitResult

from conversations.tools.answers import Unreadable, compact, parse
from conversations.tools.egress import Egress, host_of
from conversations.tools.exchange import Broken, Request, Stream, TooLarge, asking, whole
from conversations.tools.mcp.event_stream import EventStream
from conversations.tools.outcomes import CallFailed

VERSION = "2025-06-18"
VERSIONS = frozenset({"2024-11-05", "2025-03-26", VERSION, "2025-11-25"})
MOST_BYTES = 64 * 1024
MOST_LISTED_BYTES = 512 * 1024
MOST_PAGES = 20
# Telling a server that nobody waits any more is a courtesy, and takes no longer than this.
COURTESY_S = 2.0


class McpRefused(CallFailed):
    """The server has answered with an error, or with something that is no MCP."""


class _SessionGone(Exception):
    """The server does not know the session any more. It has done nothing."""


@dataclass(frozen=True, slots=True)
class _Session:
    version: str
    id: str


class McpClient:
    """A session with one server, opened with the first question and again when it is gone.

    Many may ask at the same time. `headers` may hold secrets.
    """

    def __init__(self, egress: Egress, url: str, headers: Mapping[str, str]) -> None:
        self._egress = egress
        self._url = url
        self._headers = dict(headers)
        self._ids = count(1)
        self._session: _Session | None = None
        self._opening = asyncio.Lock()
        self._courtesies: set[asyncio.Task[None]] = set()

    async def list_tools(self) -> list[Mapping[str, Any]]:
        """The tools as the server describes them, page after page. Raises CallFailed."""
        found: list[Mapping[str, Any]] = []
        cursor: Any = None
        for _ in range(MOST_PAGES):
            result = await self._ask("tools/list", {"cursor": cursor} if cursor else {})
            tools = result.get("tools")
            if not isinstance(tools, list):
                raise self._no_mcp()
            found += [tool for tool in tools if isinstance(tool, Mapping)]
            cursor = result.get("nextCursor")
            if not cursor:
                break
        return found

    async def call_tool(self, name: str, args: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Call a tool once; its result as the server gave it. `key` goes along as the
        Idempotency-Key.

        Raises Unreachable when nothing was sent, else CallFailed.
        """
        params = {"name": name, "arguments": dict(args)}
        return await self._ask("tools/call", params, {"Idempotency-Key": key})

    # -- The session -------------------------------------------------------------------------

    async def _ask(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        session: _Session | None = None
        for _ in range(2):
            try:
                session = await self._opened(session)
                return await self._request(method, params, session, headers)
            except _SessionGone:
                continue  # nothing was done
        raise self._no_mcp("it forgets each session at once.")

    async def _opened(self, gone: _Session | None) -> _Session:
        """The session; a new one if there is none, or only the one that is gone."""
        async with self._opening:
            if self._session is None or self._session is gone:
                self._session = await self._open()
            return self._session

    async def _open(self) -> _Session:
        params = {
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": "Parley", "version": "1"},
        }
        message = self._message("initialize", params)
        async with self._posted(message, None) as stream:
            session_id = stream.headers.get("mcp-session-id", "")
            result = await self._result(stream, message["id"], MOST_BYTES)
        version = result.get("protocolVersion")
        if version not in VERSIONS:
            raise self._no_mcp("it speaks a version of the protocol that is not known here.")
        session = _Session(str(version), session_id)
        await self._notify("notifications/initialized", {}, session)
        return session

    # -- One message -------------------------------------------------------------------------

    async def _request(
        self,
        method: str,
        params: Mapping[str, Any],
        session: _Session,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        message = self._message(method, params)
        most = MOST_LISTED_BYTES if method == "tools/list" else MOST_BYTES
        try:
            async with self._posted(message, session, headers) as stream:
                return await self._result(stream, message["id"], most)
        except asyncio.CancelledError:
            self._tell_cancelled(message["id"], session)
            raise

    async def _notify(self, method: str, params: Mapping[str, Any], session: _Session) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": dict(params)}
        async with self._posted(message, session) as stream:
            await whole(stream, MOST_BYTES)

    def _tell_cancelled(self, request_id: int, session: _Session) -> None:
        task = asyncio.create_task(self._courtesy(request_id, session))
        self._courtesies.add(task)
        task.add_done_callback(self._courtesies.discard)

    async def _courtesy(self, request_id: int, session: _Session) -> None:
        try:
            async with asyncio.timeout(COURTESY_S):
                params = {"requestId": request_id, "reason": "nobody waits any more"}
                await self._notify("notifications/cancelled", params, session)
        except (CallFailed, TimeoutError, _SessionGone):
            return  # whoever does not hear it finds that the connection is closed

    def _message(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": dict(params)}

    def _posted(
        self,
        message: Mapping[str, Any],
        session: _Session | None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        sent = {
            **self._headers,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **(headers or {}),
        }
        if session is not None:
            sent["MCP-Protocol-Version"] = session.version
            sent |= {"Mcp-Session-Id": session.id} if session.id else {}
        return self._checked(Request(HTTPMethod.POST, self._target, sent, compact(message)))

    @asynccontextmanager
    async def _checked(self, request: Request) -> AsyncIterator[Stream]:
        """The answer, if it is a success."""
        async with asking(self._egress, request) as stream:
            status = stream.status
            if status == HTTPStatus.NOT_FOUND and "Mcp-Session-Id" in request.headers:
                raise _SessionGone
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                raise McpRefused(
                    f"http_{status}",
                    f"The tool's server answered with the error {status}.",
                    summary=f"{self._host} answered with {status}.",
                )
            yield stream

    async def _result(self, stream: Stream, request_id: int, most: int) -> Mapping[str, Any]:
        """The result of the request among what the server says."""
        async for message in _messages(stream, most):
            if isinstance(message, Mapping) and message.get("id") == request_id:
                return self._read(message)
        raise Broken(self._host)

    def _read(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        error, result = message.get("error"), message.get("result")
        if isinstance(error, Mapping):
            code = error.get("code")
            raise McpRefused(
                "mcp_error",
                "The tool's server refused the call.",
                summary=f"{self._host} refused it, with the code {code}."
                if isinstance(code, int)
                else f"{self._host} refused it.",
                body=str(error.get("message", ""))[:2000],
            )
        if not isinstance(result, Mapping):
            raise self._no_mcp()
        return result

    @property
    def _target(self) -> SplitResult:
        return self._egress.check(self._url)

    @property
    def _host(self) -> str:
        return host_of(self._target)

    def _no_mcp(self, why: str = "what it says is no MCP.") -> McpRefused:
        return McpRefused(
            "no_mcp", "The tool's server could not be understood.", summary=f"{self._host}: {why}"
        )


async def _messages(stream: Stream, most: int) -> AsyncIterator[Any]:
    """Each JSON-RPC message of an answer, which is JSON or a stream of events."""
    kind = stream.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        said = parse(await whole(stream, most))
        for message in said if isinstance(said, list) else [said]:
            yield message
    elif kind == "text/event-stream":
        events, size = EventStream(), 0
        async for piece in stream.pieces:
            size += len(piece)
            if size > most:
                raise TooLarge(most)
            for data in events.feed(piece):
                yield parse(data.encode())
    else:
        raise Unreadable("is neither JSON nor a stream of events")
