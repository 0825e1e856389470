"""One request to a real receiver of each temper, and to addresses that are for nobody."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from conversations.webhooks import asking
from conversations.webhooks.asking import Letter, Tried, send
from tests.conversations.tools.shop import HOST, Reply, Shop, egress, open_shop

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1"}


async def sent(url: str, **how: Any) -> Tried:
    return await send(Letter(url, egress(**how), HEADERS, b'{"a":1}'), NOW)


@pytest.fixture
def shop() -> Any:
    with open_shop() as opened:
        yield opened


async def test_it_arrives_whole(shop: Shop) -> None:
    tried = await sent(shop.url)
    assert (tried.arrived, tried.status, tried.fault) == (True, 200, "")
    [asked] = shop.asked
    assert (asked.method, asked.body, asked.headers["webhook-id"]) == ("POST", b'{"a":1}', "msg_1")


@pytest.mark.parametrize(
    ("reply", "status", "fault"),
    [
        (Reply(204, b""), 204, ""),
        (Reply(200, b"x" * 20_000), 200, ""),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), 302, "redirected"),
        (Reply(307, headers={"Location": "http://169.254.169.254/"}), 307, "redirected"),
        (Reply(410), 410, "gone"),
        (Reply(400), 400, "refused"),
        (Reply(500, b"secret words"), 500, "refused"),
        (Reply(drop=True), None, "no_answer"),
    ],
)
async def test_each_temper(shop: Shop, reply: Reply, status: int | None, fault: str) -> None:
    shop.replies = [reply]
    tried = await sent(shop.url)
    assert (tried.status, tried.fault) == (status, fault)
    assert len(shop.asked) == 1, "a redirect is not followed, a failure not tried again here"
    assert "secret" not in tried.summary


async def test_one_that_asks_for_patience(shop: Shop) -> None:
    shop.replies = [Reply(503, headers={"Retry-After": "120"})]
    assert (await sent(shop.url)).asked_s == 120
    shop.replies = [Reply(429, headers={"Retry-After": "soon"})]
    assert (await sent(shop.url)).asked_s is None


async def test_one_that_hangs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.05)
    let_go = threading.Event()
    shop.replies = [Reply(hold=let_go)]
    tried = await sent(shop.url)
    let_go.set()
    assert (tried.status, tried.fault) == (None, "timed_out")


async def test_nobody_listens() -> None:
    with socket.create_server((HOST, 0)) as closed:
        port = closed.getsockname()[1]
    assert (await sent(f"http://{HOST}:{port}/")).fault == "unreachable"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://elsewhere.example/", ("hooks.example.com",)),  # not allowed
        ("http://hooks.example.com/", ("hooks.example.com",)),  # not TLS
        ("https://127.0.0.1/", ("127.0.0.1",)),  # inside this network
        ("https://localhost/", ("localhost",)),  # a name that leads there
        ("https://169.254.169.254/latest/", ("169.254.169.254",)),
        ("ftp://hooks.example.com/", ("hooks.example.com",)),
        ("no address", ("hooks.example.com",)),
    ],
)
async def test_addresses_that_are_not_asked(url: str, hosts: tuple[str, ...]) -> None:
    found = await send(Letter(url, egress(*hosts, private=("x",)), HEADERS, b"{}"), NOW)
    assert (found.status, found.fault) == (None, "not_allowed")


async def test_a_name_that_changes_its_mind(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is judged by the address that is dialled, each time."""
    monkeypatch.setattr(
        "conversations.tools.egress.addresses_of", lambda *_: [ip_address("10.0.0.8")]
    )
    tried = await send(
        Letter("https://hooks.example.com/", egress("hooks.example.com"), HEADERS, b"{}"), NOW
    )
    assert tried.fault == "not_allowed"
    assert "inside this network" in tried.summary
    assert shop.asked == []
