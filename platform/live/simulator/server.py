"""The simulator's shell: sockets, timers, and nothing that decides what is said."""

import asyncio
import logging
import secrets
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from live.simulator.auth_tokens import AuthToken, AuthTokens
from live.simulator.closes import Refusal, internal_error, setup_out_of_place
from live.simulator.conversation import Conversation
from live.simulator.credentials import Credentials
from live.simulator.echo import Echo
from live.simulator.faults import find_script
from live.simulator.fields import read_message
from live.simulator.front import HttpRequest, HttpResponse, answering, answering_gets
from live.simulator.grants import CLOUD_SCOPES
from live.simulator.iam import PROJECT, ServiceAccounts
from live.simulator.oauth import TokenEndpoint
from live.simulator.paths import service_of
from live.simulator.playbill import Playbill
from live.simulator.pongs import with_late_pongs
from live.simulator.pump import Pump
from live.simulator.quota import ConnectionQuota
from live.simulator.rest import Rest
from live.simulator.rest_errors import api_disabled, front_end_refusal
from live.simulator.scenario import Script
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE
from live.simulator.scripted import Dropped, Scripted
from live.simulator.sessions import MAX_OPEN_SESSIONS, Session, Sessions
from live.simulator.setup import Setup, read_setup
from live.simulator.silence import PATIENCE_S, GivenUp
from live.simulator.talk import Pace, Talk

log = logging.getLogger(__name__)

MAX_MESSAGE = 4 * 1024 * 1024
# Above this much unsent, sending waits, and with it reading and speaking.
WRITE_LIMIT = 64 * 1024
FIRST_MESSAGE_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0


class Simulator:
    """A stand-in for Google: the Live WebSocket, and the HTTP side with tokens and keys.

    An async context manager. Without `api_keys` it makes one key. With `tls_port` it also
    serves TLS there, by `ssl_context`; port 0 takes a free one. `pace` may be exchanged while
    it serves; sessions keep the one they began with. `resume_wait` is how long the resumption
    of an idle session fails after its end, in seconds (the real server: 1), `max_sessions` how
    many may be open at once. `scenario` is a name of `faults.SCENARIOS` or a script; `seed`
    chooses wordings and noise, but names (handles, ids of sessions and calls) are always new,
    because a client may meet two runs of the server. `vertex_connections` is how many new ones
    Vertex AI takes in a minute in each project and region, 0 for any number (the real server:
    10; nobody wrote down how it refuses). A connection on which nothing happens for `patience`
    seconds is given up. `wall` is the time of day by which tokens expire. While `api_disabled` is
    set, every handshake is refused as Google does it where nobody has enabled the API.
    """

    def __init__(  # noqa: PLR0913 - the options of a server, all but two with defaults
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls_port: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        seed: int = 0,
        scenario: str | Script = "conversation",
        api_keys: Collection[str] | None = None,
        pace: Pace | None = None,
        resume_wait: float = 1.0,
        max_sessions: int = MAX_OPEN_SESSIONS,
        vertex_connections: int = 0,
        patience: float = PATIENCE_S,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if (tls_port is None) != (ssl_context is None):
            raise ValueError("tls_port and ssl_context are given together")
        self.host = host
        self.api_keys = list(api_keys or [f"sim-key-{secrets.token_urlsafe(24)}"])
        self.accounts = ServiceAccounts(wall)
        self.oauth = TokenEndpoint(wall, self.accounts)
        self.auth_tokens = AuthTokens(wall)
        self.sessions = Sessions(resume_wait=resume_wait, max_open=max_sessions)
        self.quota = ConnectionQuota(vertex_connections)
        self.api_disabled = False
        self.patience = patience
        self._ports = port, tls_port
        self._ssl_context = ssl_context
        self._seed = seed
        self._playbill = Playbill(find_script(scenario) if isinstance(scenario, str) else scenario)
        self.pace = pace or Pace()
        self._credentials = Credentials(self.api_keys, self.oauth, self.auth_tokens)
        self._rest = Rest(self._credentials, self.oauth, self.auth_tokens, self.accounts)
        self._epoch = datetime.now(UTC) - timedelta(seconds=time.monotonic())
        self._servers: list[Server] = []
        self._closing = AsyncExitStack()

    @property
    def api_key(self) -> str:
        return self.api_keys[0]

    @property
    def url(self) -> str:
        """Return the plain base URL, `http://host:port`."""
        return f"http://{self.host}:{_port(self._servers[0])}"

    @property
    def tls_url(self) -> str:
        """Return the base URL with TLS. Raises IndexError when there is none."""
        return f"https://{self.host}:{_port(self._servers[1])}"

    def service_account_info(self, name: str = "parley") -> dict[str, str]:
        """Return a JSON key file of a new service account that this server accepts."""
        return self.accounts.create(name, f"{self.url}/token")

    def oauth_client_info(self) -> dict[str, Any]:
        """Return the JSON file of a new OAuth client, a desktop app, whose users sign in here."""
        client = self.oauth.sign_ins.new_client()
        installed = {
            "client_id": client.client_id,
            "project_id": PROJECT,
            "auth_uri": f"{self.url}/o/oauth2/v2/auth",
            "token_uri": f"{self.url}/token",
            "client_secret": client.client_secret,
            "redirect_uris": ["http://localhost"],
        }
        return {"installed": installed}

    def authorized_user_info(self) -> dict[str, str]:
        """Return a JSON file of the kind `authorized_user`, of a user who allowed everything."""
        client = self.oauth.sign_ins.new_client()
        return {
            "type": "authorized_user",
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "refresh_token": self.oauth.sign_ins.new_refresh_token(client, CLOUD_SCOPES),
            "token_uri": f"{self.url}/token",
        }

    def script(self, script: str | Script, connections: int = 1) -> None:
        """Let the next `connections` play a script, or a scenario by its name.

        Raises ValueError for an unknown name. See `Playbill` for the other ways to ask.
        """
        found = find_script(script) if isinstance(script, str) else script
        self._playbill.order(found, connections)

    async def __aenter__(self) -> Self:
        port, tls_port = self._ports
        await self._listen(port, None)
        if tls_port is not None:
            await self._listen(tls_port, self._ssl_context)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._closing.aclose()
        self._servers.clear()

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> None:
        listening = serve(
            self._serve,
            self.host,
            port,
            ssl=context,
            create_connection=with_late_pongs(answering(self._rest.answer), MAX_MESSAGE),
            process_request=answering_gets(self._rest.answer, _is_live, self._refuse),
            compression=None,
            ping_interval=None,  # the real server never pings
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE,
            write_limit=WRITE_LIMIT,
            server_header="ESF",
        )
        self._servers.append(await self._closing.enter_async_context(listening))

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            await self._talk(connection)
        except Refusal as refusal:
            log.info("closing a session with code %d", refusal.code)
            await connection.close(refusal.code, refusal.reason)
        except Dropped:
            connection.transport.abort()
        except (ConnectionClosed, TimeoutError):
            log.debug("a client left")

    async def _talk(self, connection: ServerConnection) -> None:
        setup, token = await self._admit(connection)
        script = self._script_for(connection)
        now = time.monotonic()
        if setup.vertex:
            self.quota.take(setup.place, now)
        session = self.sessions.admit(
            setup.handle, now, model=setup.model.name, vertex=setup.vertex
        )
        talk, vanished = self._new_talk(setup, session, script), False
        check = token.check if token else None
        try:
            await Pump(connection, talk, check, patience=self.patience).run()
        except GivenUp:
            session.ended = True
            raise
        except ConnectionClosed as closed:
            vanished = talk.half_open and closed.rcvd is None
            raise
        finally:
            self._end(talk, session, vanished=vanished)

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        if self.api_disabled:
            return api_disabled("Gemini API", PROJECT).response()
        status = self._playbill.handshake_status(request.target, request.headers)
        return None if status is None else front_end_refusal(status).response()

    async def _admit(self, connection: ServerConnection) -> tuple[Setup, AuthToken | None]:
        """Read the first message and check the caller, then the message. Raises Refusal.

        An ephemeral token comes with the setup that holds under it.
        """
        request = connection.request
        service = service_of(request.path) if request else None
        if request is None or service is None:
            raise internal_error()
        async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT_S):
            frame = await connection.recv()
        token = self._credentials.check(service, request.path, request.headers)
        message = VERTEX_MESSAGE if service.vertex else DEVELOPER_MESSAGE
        name, fields = read_message(frame, message)
        if name != "setup":
            raise setup_out_of_place()
        setup = read_setup(token.constraints.apply(fields) if token else fields, service)
        if token:
            token.begin(resumes=bool(setup.handle))
        return setup, token

    def _script_for(self, connection: ServerConnection) -> Script:
        request = connection.request
        if request is None:
            raise internal_error()
        return self._playbill.script_for(request.path, request.headers)

    def _new_talk(self, setup: Setup, session: Session, script: Script) -> Talk | Scripted:
        talk: Talk
        if self._playbill.talk_of(script) == "echo":
            talk = Echo(setup, self.pace, session, self.sessions)
        else:
            talk = Conversation(
                setup, self.pace, session, self.sessions, epoch=self._epoch, seed=self._seed
            )
        return Scripted(talk, script, resumes=bool(setup.handle)) if script.steps else talk

    def _end(self, talk: Talk | Scripted, session: Session, *, vanished: bool) -> None:
        now, in_mid_speech = time.monotonic(), talk.in_mid_speech
        talk.finish(now)
        if vanished:
            self.sessions.vanished(session, now)
        else:
            self.sessions.closed(session, now, in_mid_speech=in_mid_speech)


def _is_live(target: str) -> bool:
    return service_of(target) is not None


def _port(server: Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
