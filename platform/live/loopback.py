"""Signing a user in: shows an address, waits for the browser on loopback, fetches the tokens.

Source: RFC 8252 sections 7.3 and 8; the decisions are in `live.user_oauth`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import h11

from live.authorized_user import AuthorizedUser
from live.errors import CredentialError, Diagnosis
from live.token_endpoint import request_token
from live.user_oauth import Authorization, OAuthClient, is_answer

_REQUEST_TIMEOUT = 10.0  # seconds in which a browser has to send its request
_READ_BYTES = 4096
_CONNECTIONS = 16  # browsers open some ahead of need
# No browser follows it there, and the address stays in its bar: nothing may listen on port 1.
_NOWHERE = "http://127.0.0.1:1/"

_TIMED_OUT = Diagnosis(
    "sign_in_timeout",
    "Nobody signed in in time.",
    "Start the sign-in again.",
    permanent=False,
)


async def sign_in(
    client: OAuthClient,
    scopes: Sequence[str],
    show: Callable[[str], object],
    *,
    timeout: float = 300.0,  # noqa: ASYNC109 - ends with an error of ours
) -> AuthorizedUser:
    """Sign a user in with the browser of this machine.

    `show` gets the address, to open it or to print it; it is called in a thread and has to return
    soon (`webbrowser.open` does). The browser comes back to a port of 127.0.0.1 that is open
    until the answer is there, or for `timeout` seconds. Nothing is stored: what is returned holds
    the secrets, and belongs sealed.

    Raises `CredentialError`: a refusal, an answer to something else (`state_mismatch`), no answer
    in time (`sign_in_timeout`), a token endpoint that says no.
    """
    async with _Loopback() as loopback:
        authorization = Authorization.begin(client, loopback.uri, scopes)
        try:
            async with asyncio.timeout(timeout):
                code = await loopback.code(authorization, show)
        except TimeoutError:
            raise CredentialError(_TIMED_OUT) from None
    return await _exchange(authorization, code)


async def sign_in_by_hand(
    client: OAuthClient, scopes: Sequence[str], ask: Callable[[str], Awaitable[str]]
) -> AuthorizedUser:
    """Sign a user in with a browser on another machine, for a terminal far away.

    `ask` shows the address and returns what the user copies back: the address at which the
    browser ends, on a page that cannot be reached.

    Raises `CredentialError` as `sign_in`.
    """
    authorization = Authorization.begin(client, _NOWHERE, scopes)
    code = authorization.code_of(await ask(authorization.url))
    return await _exchange(authorization, code)


async def _exchange(authorization: Authorization, code: str) -> AuthorizedUser:
    form = authorization.exchange_form(code)
    answer = await asyncio.to_thread(request_token, authorization.client.token_uri, form)
    return authorization.user_of(answer)


class _Loopback:
    """An HTTP server for the one request with which a browser brings the answer."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._authorization: Authorization | None = None
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # Seen here even if the time was up just then.
        self._code.add_done_callback(lambda code: code.cancelled() or code.exception())
        self.uri = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.uri = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        for handler in self._handlers:
            handler.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers)
        self._code.cancel()

    async def code(self, authorization: Authorization, show: Callable[[str], object]) -> str:
        self._authorization = authorization
        await asyncio.to_thread(show, authorization.url)
        return await self._code

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._handlers) >= _CONNECTIONS:
            writer.close()
            return
        handler = asyncio.create_task(self._handle(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        handler.add_done_callback(lambda _: writer.close())  # also when it never began

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A browser that sends no HTTP, is slow or goes away is not the one we wait for.
        with contextlib.suppress(h11.RemoteProtocolError, TimeoutError, OSError):
            async with asyncio.timeout(_REQUEST_TIMEOUT):
                target = await _read_target(reader)
            await self._answer(target, writer)
            writer.close()
            await writer.wait_closed()

    async def _answer(self, target: str | None, writer: asyncio.StreamWriter) -> None:
        if target is None or self._authorization is None or not is_answer(target):
            await _write(writer, 404, _NOT_HERE)
            return
        code = _code_or_error(self._authorization, target)
        try:
            # The page first: the server ends as soon as the answer is known.
            await _write(writer, 200, _DONE if isinstance(code, str) else _FAILED)
        finally:
            self._settle(code)

    def _settle(self, code: str | CredentialError) -> None:
        if self._code.done():
            return  # an answer came before, or the time was up
        if isinstance(code, str):
            self._code.set_result(code)
        else:
            self._code.set_exception(code)


def _code_or_error(authorization: Authorization, target: str) -> str | CredentialError:
    try:
        return authorization.code_of(target)
    except CredentialError as error:
        return error


async def _read_target(reader: asyncio.StreamReader) -> str | None:
    """The target of a GET for the root path, `None` for any other request.

    Raises `h11.RemoteProtocolError` for what is no HTTP; h11 bounds the size.
    """
    http = h11.Connection(h11.SERVER)
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(_READ_BYTES))
    if not isinstance(event, h11.Request) or event.method != b"GET":
        return None
    target = event.target.decode("ascii", "replace")
    return target if target.partition("?")[0] == "/" else None


_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{0}</title>'
    "<h1>{0}</h1><p>{1}</p></html>"
)
_DONE = _PAGE.format("Signed in", "Close this page and return to the terminal.")
_FAILED = _PAGE.format("Not signed in", "Return to the terminal: it says why.")
_NOT_HERE = _PAGE.format("Nothing here", "Return to the terminal.")


async def _write(writer: asyncio.StreamWriter, status: int, page: str) -> None:
    writer.write(_response(status, page))
    await writer.drain()


def _response(status: int, page: str) -> bytes:
    http = h11.Connection(h11.SERVER)
    body = page.encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Content-Security-Policy", "default-src 'none'"),
        # The page's address holds the code.
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    head = http.send(h11.Response(status_code=status, headers=headers)) or b""
    return head + (http.send(h11.Data(data=body)) or b"")
