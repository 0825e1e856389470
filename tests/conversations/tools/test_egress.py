import asyncio
import socket
import ssl
from ipaddress import ip_address

import pytest

from accounts.egress import tls_context
from conversations.tools.egress import Egress, Refused, Unreachable, covers, is_host_name, split
from tests.conversations.tools.shop import Shop, egress

PUBLIC = "93.184.215.14"
METADATA = "169.254.169.254"


def outside(*hosts: str) -> Egress:
    return egress(*hosts, private=())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "https://",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "https://a:b@shop.example/",
        "https://@shop.example/",
        "https://shop.example/#x",
        "https://[::1/",
        "https://shop.example:0/",
        "https://shop.example:port/",
        "https://shop.example\\@evil.example/",
        "https://shop.example/ x",
        "https://shöp.example/",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Refused):
        split(url)


def test_only_the_hosts_of_the_list() -> None:
    allowed = outside("shop.example", "*.svc.example")
    for url in ("https://shop.example/a", "https://SHOP.example./a", "https://a.svc.example:8443"):
        assert allowed.check(url).scheme == "https"
    for url in (
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://svc.example",
    ):
        with pytest.raises(Refused, match="not_allowed") as caught:
            allowed.check(url)
        assert "An admin can add it" in caught.value.summary
    with pytest.raises(Refused) as caught:
        allowed.check("http://shop.example/")
    assert "https" in caught.value.summary


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        METADATA,
        "100.64.0.1",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104 - no bind
        "224.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
    ],
)
def test_inner_addresses_are_not_dialled(address: str) -> None:
    assert not outside("shop.example").may_dial("shop.example", ip_address(address))


def test_what_an_operator_allows_is_private_and_nothing_worse() -> None:
    inside = egress("erp.intern.example", private=("*.intern.example",))
    assert inside.may_dial("erp.intern.example", ip_address("10.1.2.3"))
    assert inside.may_dial("erp.intern.example", ip_address(PUBLIC))
    assert not inside.may_dial("shop.example", ip_address("10.1.2.3"))
    for address in (METADATA, "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"):  # noqa: S104
        assert not inside.may_dial("erp.intern.example", ip_address(address))


async def test_a_name_that_leads_inside_is_refused(shop: Shop) -> None:
    port = shop.url.split(":")[2].split("/")[0]
    allowed = outside("localhost", "127.0.0.1", "2130706433", "0x7f.1")
    for host in allowed.hosts:
        with pytest.raises(Refused) as caught:
            await allowed.connect(split(f"https://{host}:{port}/"))
        assert "TOOL_PRIVATE_HOSTS" in caught.value.summary
    assert shop.asked == []


async def test_a_name_that_changes_its_mind_gains_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look-up is judged and dialled; there is no second one."""
    answers = [[(None, None, None, "", (PUBLIC, 0)), (None, None, None, "", ("127.0.0.1", 0))]]
    looked_up = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        looked_up.append(host)
        return answers.pop()  # type: ignore[return-value]

    dialled = []

    async def dial(host: str, port: int, **_: object) -> None:
        dialled.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(asyncio, "open_connection", dial)
    with pytest.raises(Unreachable):
        await outside("shop.example").connect(split("https://shop.example/"))
    assert looked_up == ["shop.example"]
    assert dialled == [PUBLIC]


async def test_a_name_of_nobody() -> None:
    with pytest.raises(Unreachable) as caught:
        await outside("nowhere.invalid").connect(split("https://nowhere.invalid/"))
    assert "no host" in caught.value.summary


async def test_a_certificate_is_checked_against_the_name(shop: Shop) -> None:
    with pytest.raises(Unreachable) as caught:
        await egress().connect(split(shop.url.replace("http://", "https://")))
    assert "TLS" in caught.value.summary
    assert tls_context().verify_mode is ssl.CERT_REQUIRED


def test_names() -> None:
    assert covers(["*.a.example"], "x.y.a.example")
    assert not covers(["*.a.example"], "a.example")
    for name in ("shop.example", "*.svc.example", "localhost", "10.0.0.7", "::1", "a_b.example"):
        assert is_host_name(name)
    for name in ("", "*", "*.com", "a..b", "https://a", "a/b", "a:80", "-a.example", "*.*.a.b"):
        assert not is_host_name(name)
