"""What works of a credential: each step on the way to a session, tried once.

The session is opened and closed again; nothing is said in it. The module is not called after its
function, which `live` exports: one name for both would hide the module.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ssl import SSLContext
from typing import TypeVar

from websockets.asyncio.client import ClientConnection

from live.advice import advice_on
from live.auth import ApiKeyAuth, Auth, BearerTokenAuth, EphemeralTokenAuth, RefreshingAuth
from live.connection import Connection
from live.endpoint import Endpoint
from live.errors import Diagnosis, LiveError, NetworkError, error_from_close
from live.findings import Finding, Outcome, Report
from live.handshake import DirectConnect, open_socket
from live.session.session import SETUP_TIMEOUT, Session
from live.setup import SessionConfig

__all__ = ["STEPS", "diagnose"]

STEPS = ("token", "handshake", "setup", "close")


async def diagnose(
    endpoint: Endpoint,
    auth: Auth,
    model: str,
    *,
    ssl: SSLContext | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109 - of each step, and a finding when it has passed
    on_finding: Callable[[Finding], None] | None = None,
) -> Report:
    """Try each of `STEPS` in turn, until one fails.

    A credential that makes its own tokens makes a new one, also while an older one holds. An
    ephemeral token loses one of its uses.

    `ssl` is the TLS context, of the system when absent. `timeout` is for each step, in seconds;
    closing takes 5 s at most. `on_finding` gets each finding as soon as it is there. Cancelling
    leaves nothing open.

    A `LiveError` is a finding, and is never raised.
    """
    notes = _Notes(endpoint, auth, on_finding)
    attempt = _Attempt(endpoint, auth, model, ssl, timeout)
    async with attempt.opened:
        with contextlib.suppress(LiveError):  # each is among the findings already
            headers = await notes.take("token", attempt.token())
            socket = await notes.take("handshake", attempt.handshake(headers))
            connection = await notes.take("setup", attempt.setup(socket))
            await notes.take("close", attempt.close(connection, socket))
        notes.skip_rest()
    return Report(tuple(notes.findings))


_T = TypeVar("_T")


class _Notes:
    """The findings so far."""

    def __init__(
        self, endpoint: Endpoint, auth: Auth, on_finding: Callable[[Finding], None] | None
    ) -> None:
        self.findings: list[Finding] = []
        self._endpoint = endpoint
        self._auth = auth
        self._on_finding = on_finding

    async def take(self, step: str, work: Awaitable[tuple[_T, Finding]]) -> _T:
        """Do a step and note how it went. Raises the `LiveError` that it failed with."""
        begun = time.monotonic()
        try:
            made, finding = await work
        except LiveError as error:
            self._add(replace(self._failure(step, error), duration_ms=_ms_since(begun)))
            raise
        self._add(replace(finding, duration_ms=_ms_since(begun)))
        return made

    def skip_rest(self) -> None:
        for step in STEPS[len(self.findings) :]:
            self._add(Finding(step=step, outcome=Outcome.SKIPPED, detail="Not tried."))

    def _failure(self, step: str, error: LiveError) -> Finding:
        diagnosis = advice_on(error.diagnosis, self._endpoint, self._auth)
        return Finding(
            step=step,
            outcome=Outcome.FAILED,
            detail=diagnosis.summary,
            status=error.status,
            reason=error.reason,
            diagnosis=diagnosis,
        )

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self._on_finding is not None:
            self._on_finding(finding)


def _ms_since(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 1)


class _Attempt:
    """The steps. Each takes what the one before it made, and raises `LiveError`.

    `opened` closes what is open.
    """

    def __init__(
        self, endpoint: Endpoint, auth: Auth, model: str, ssl: SSLContext | None, timeout: float
    ) -> None:
        self.opened = contextlib.AsyncExitStack()
        self._endpoint = endpoint
        self._auth = auth
        self._model = model
        self._ssl = ssl
        self._timeout = timeout

    async def token(self) -> tuple[dict[str, str], Finding]:
        try:
            async with asyncio.timeout(self._timeout):
                if isinstance(self._auth, RefreshingAuth):
                    await self._auth.renew()
                headers = await self._auth.headers()
        except TimeoutError:
            raise NetworkError(_TOKEN_TIMEOUT) from None
        return headers, _token_finding(self._auth)

    async def handshake(self, headers: dict[str, str]) -> tuple[ClientConnection, Finding]:
        socket = await open_socket(
            self._auth.endpoint_for(self._endpoint),
            headers,
            query=self._auth.query(),
            ssl=self._ssl,
            connector=DirectConnect,
            open_timeout=self._timeout,
        )
        self.opened.push_async_callback(socket.close)
        status = socket.response.status_code if socket.response else None
        return socket, _done("handshake", f"The socket is open (HTTP status {status}).", status)

    async def setup(self, socket: ClientConnection) -> tuple[Connection, Finding]:
        endpoint = self._auth.endpoint_for(self._endpoint)
        session = Session(SessionConfig(model=self._model), endpoint, setup_timeout=self._timeout)
        connection = Connection(socket, session.outbox)
        self.opened.pop_all()  # the connection closes its socket
        self.opened.push_async_callback(connection.closed)
        await connection.send(session.opened(time.monotonic()))
        try:
            async with asyncio.timeout(self._timeout):
                while not session.has_begun:
                    session.receive(await connection.receive(), time.monotonic())
        except TimeoutError:
            raise NetworkError(SETUP_TIMEOUT) from None
        model = endpoint.model_name(self._model)
        return connection, _done("setup", f"The service accepted a session with {model}.")

    async def close(self, connection: Connection, socket: ClientConnection) -> tuple[None, Finding]:
        connection.begin_close()
        with contextlib.suppress(LiveError):  # the close code says more
            while True:
                await connection.receive()
        await connection.closed()
        code, reason = socket.close_code or _NO_CLOSE_FRAME, socket.close_reason or ""
        if code == _NO_CLOSE_FRAME:
            raise NetworkError(_CLOSE_UNANSWERED, code)
        if code not in _ORDERLY_CODES:
            raise error_from_close(code, reason)  # it crossed our close frame
        return None, _done("close", f"The service closed in order (close code {code}).", code)


_NO_CLOSE_FRAME = 1006  # RFC 6455 section 7.1.5
_ORDERLY_CODES = frozenset({1000, 1001, 1005})  # 1005: a close frame without a code
_TOKEN_TIMEOUT = Diagnosis(
    "token_timeout",
    "The token endpoint did not answer in time.",
    "Try again; if it goes on, check the network between this server and the endpoint.",
    permanent=False,
    retry_after=5.0,
)
_CLOSE_UNANSWERED = Diagnosis(
    "close_unanswered",
    "The service did not answer our close frame: its sessions cannot be resumed soon.",
    "Try again; if it goes on, check what stands between this server and the service.",
    permanent=False,
    retry_after=1.0,
)


def _done(step: str, detail: str, status: int | None = None) -> Finding:
    return Finding(step=step, outcome=Outcome.OK, detail=detail, status=status)


def _token_finding(auth: Auth) -> Finding:
    if not isinstance(auth, RefreshingAuth):
        return Finding(step="token", outcome=Outcome.SKIPPED, detail=_nothing_to_make(auth))
    scopes = ", ".join(scope.removeprefix(_SCOPE_PREFIX) for scope in auth.scopes)
    lasting = f"A new access token holds for {auth.expires_in / 60:.0f} minutes"
    return Finding(
        step="token",
        outcome=Outcome.OK,
        detail=f"{lasting}; scopes: {scopes}." if scopes else f"{lasting}.",
        expires_in=round(auth.expires_in, 1),
        scopes=auth.scopes,
    )


_SCOPE_PREFIX = "https://www.googleapis.com/auth/"


def _nothing_to_make(auth: Auth) -> str:
    match auth:
        case ApiKeyAuth():
            return "An API key needs no token."
        case EphemeralTokenAuth():
            return "An ephemeral token is sent as it is."
        case BearerTokenAuth():
            return "The access token was made elsewhere; only who made it knows when it ends."
        case _:
            return "The credential is sent as it is."
