import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from live.auth import DEVELOPER_SCOPES
from live.authorized_user import AuthorizedUser, AuthorizedUserAuth
from live.errors import CredentialError
from live.loopback import sign_in, sign_in_by_hand
from live.simulator import Simulator
from live.user_oauth import OAuthClient
from tests.live.browser import Page, redirected, visit


class Server:
    """A simulator, and a program that it knows."""

    def __init__(self, simulator: Simulator) -> None:
        self.sign_ins = simulator.oauth.sign_ins
        self.client = OAuthClient.from_info(simulator.oauth_client_info())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Simulator() as simulator:
        yield Server(simulator)


class Browser:
    """Goes to the address it is shown, and back to the program. What it saw is in `pages`.

    `changes` are made to the answer on its way; None leaves a field out.
    """

    def __init__(self, changes: dict[str, str | None] | None = None) -> None:
        self.pages: list[Page] = []
        self.asked: dict[str, str] = {}
        self.address = ""
        self.answer: dict[str, str] = {}
        self._changes = changes or {}

    def __call__(self, url: str) -> None:
        self.asked = query_of(url)
        base, _, _ = redirected(url).partition("?")
        found = query_of(redirected(url)) | self._changes
        self.answer = {name: value for name, value in found.items() if value is not None}
        self.address = f"{base}?{urlencode(self.answer)}"
        self.pages.append(visit(self.address))


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def port_of(browser: Browser) -> int:
    port = urlsplit(browser.address).port
    assert port is not None
    return port


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def refusal(server: Server, browser: Browser) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        await sign_in(server.client, DEVELOPER_SCOPES, browser, timeout=10)
    shown = "".join(traceback.format_exception(caught.value))
    for secret in (browser.answer.get("code", "4/0A"), server.client.client_secret, "1//"):
        assert secret not in shown
    return caught.value


async def test_a_user_signs_in_with_the_browser(server: Server) -> None:
    browser = Browser()
    user = await sign_in(server.client, DEVELOPER_SCOPES, browser, timeout=10)
    client = server.client
    assert user == AuthorizedUser(
        client.client_id, client.client_secret, user.refresh_token, client.token_uri
    )
    assert browser.asked["scope"] == " ".join(DEVELOPER_SCOPES)
    assert urlsplit(browser.asked["redirect_uri"]).hostname == "127.0.0.1"
    token = await AuthorizedUserAuth(user).headers()
    assert token["Authorization"].startswith("Bearer ya29.")


async def test_the_page_sends_the_user_back_and_gives_the_code_to_nobody(
    server: Server,
) -> None:
    browser = Browser()
    await sign_in(server.client, DEVELOPER_SCOPES, browser, timeout=10)
    (page,) = browser.pages
    assert page.status == 200
    assert "return to the terminal" in page.text
    assert browser.answer["code"] not in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Security-Policy"] == "default-src 'none'"


async def test_nothing_is_left_open(server: Server) -> None:
    browser = Browser()
    await sign_in(server.client, DEVELOPER_SCOPES, browser, timeout=10)
    assert not is_open(port_of(browser))
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"state": "another"}, "state_mismatch"),
        ({"state": None}, "state_mismatch"),
        ({"code": None, "error": "access_denied"}, "sign_in_denied"),
        ({"code": None, "error": "org_internal"}, "sign_in_refused"),
    ],
)
async def test_an_answer_that_is_none_ends_the_sign_in(
    server: Server, reply: dict[str, str | None], code: str
) -> None:
    browser = Browser(reply)
    error = await refusal(server, browser)
    assert error.code == code
    assert "Not signed in" in browser.pages[0].text
    assert not is_open(port_of(browser))


async def test_a_stolen_code_is_worth_nothing_without_the_verifier(
    server: Server,
) -> None:
    def meddle(url: str) -> None:
        # Another program began with the same state, and its own challenge.
        query = query_of(url) | {"code_challenge": "of-another-who-began"}
        visit(redirected(f"{server.client.auth_uri}?{urlencode(query)}"))

    with pytest.raises(CredentialError) as caught:
        await sign_in(server.client, DEVELOPER_SCOPES, meddle, timeout=10)
    assert caught.value.code == "sign_in_again"


async def test_a_sign_in_that_grants_a_part_only(server: Server) -> None:
    server.sign_ins.withheld = frozenset(DEVELOPER_SCOPES[1:])
    assert (await refusal(server, Browser())).code == "scope_not_granted"


async def test_what_else_a_browser_asks_for_is_not_the_answer(server: Server) -> None:
    pages: list[int] = []

    def curious(url: str) -> None:
        back = redirected(url)
        base = back.partition("?")[0]
        others = ("favicon.ico", "", "?state=x", f"other{back.removeprefix(base)}")
        pages.extend(visit(f"{base}{other}").status for other in others)
        pages.append(visit(back, method="POST").status)
        assert port_says_nothing(base)
        pages.append(visit(back).status)

    user = await sign_in(server.client, DEVELOPER_SCOPES, curious, timeout=10)
    assert user.refresh_token.startswith("1//")
    assert pages == [404, 404, 404, 404, 404, 200]


def port_says_nothing(base: str) -> bool:
    """Whether what is no HTTP, or far too long, is cut off without an answer."""
    port = urlsplit(base).port
    for sent in (b"\x16\x03\x01\r\n\r\n", b"GET /?" + b"a" * 100_000):
        raw = socket.create_connection(("127.0.0.1", port), timeout=5)
        with raw, suppress(ConnectionError):
            raw.sendall(sent)
            if raw.recv(1):
                return False
    return True


async def test_connections_that_a_browser_opens_ahead_are_bounded_and_closed(
    server: Server,
) -> None:
    spare: list[socket.socket] = []

    def eager(url: str) -> None:
        back = redirected(url)
        address = ("127.0.0.1", urlsplit(back).port)
        spare.extend(socket.create_connection(address, timeout=5) for _ in range(15))
        visit(back)

    user = await sign_in(server.client, DEVELOPER_SCOPES, eager, timeout=10)
    assert user.refresh_token.startswith("1//")
    for connection in spare:
        with connection, suppress(ConnectionError):
            assert await asyncio.to_thread(connection.recv, 1) == b""
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_too_many_connections_are_turned_away(server: Server) -> None:
    def crowd(url: str) -> None:
        back = redirected(url)
        address = ("127.0.0.1", urlsplit(back).port)
        held = [socket.create_connection(address, timeout=5) for _ in range(16)]
        with socket.create_connection(address, timeout=5) as refused:
            assert refused.recv(1) == b""
        for connection in held:
            connection.close()
        raise LookupError  # seen by who called

    with pytest.raises(LookupError):
        await sign_in(server.client, DEVELOPER_SCOPES, crowd, timeout=10)


async def test_nobody_signs_in_in_time(server: Server) -> None:
    shown: list[str] = []
    with pytest.raises(CredentialError) as caught:
        await sign_in(server.client, DEVELOPER_SCOPES, shown.append, timeout=0.05)
    assert caught.value.code == "sign_in_timeout"
    assert not caught.value.permanent
    redirect = urlsplit(parse_qs(urlsplit(shown[0]).query)["redirect_uri"][0])
    assert redirect.port is not None
    assert not is_open(redirect.port)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_sign_in_that_is_given_up_leaves_nothing(server: Server) -> None:
    shown = asyncio.Event()
    loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(
        sign_in(server.client, DEVELOPER_SCOPES, lambda _: loop.call_soon_threadsafe(shown.set))
    )
    await shown.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_browser_that_cannot_be_opened_is_the_callers_to_see(
    server: Server,
) -> None:
    def broken(_: str) -> None:
        raise OSError("no browser")

    with pytest.raises(OSError, match="no browser"):
        await sign_in(server.client, DEVELOPER_SCOPES, broken, timeout=10)


async def test_nothing_secret_is_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    browser = Browser()
    with caplog.at_level(logging.DEBUG):
        user = await sign_in(server.client, DEVELOPER_SCOPES, browser, timeout=10)
    ours = [record for record in caplog.records if not record.name.startswith("websockets")]
    logged = "".join(str(record.__dict__) for record in ours)
    secrets = (user.client_secret, user.refresh_token, browser.answer["code"])
    for secret in (*secrets, browser.answer["state"]):
        assert secret not in logged


# -- By hand ---------------------------------------------------------------------------------------


async def test_a_user_far_from_a_browser_copies_the_address(server: Server) -> None:
    shown: list[str] = []

    async def ask(url: str) -> str:
        shown.append(url)
        return await asyncio.to_thread(redirected, url)

    user = await sign_in_by_hand(server.client, DEVELOPER_SCOPES, ask)
    assert user.refresh_token.startswith("1//")
    assert not is_open(urlsplit(query_of(shown[0])["redirect_uri"]).port or 0)


async def test_what_is_copied_wrongly_is_refused(server: Server) -> None:
    async def ask(_: str) -> str:
        return "yes"

    with pytest.raises(CredentialError) as caught:
        await sign_in_by_hand(server.client, DEVELOPER_SCOPES, ask)
    assert caught.value.code == "state_mismatch"
