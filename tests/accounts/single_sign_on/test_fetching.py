import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
import trustme
from pytest_django.fixtures import Settings

from accounts.single_sign_on import fetching
from accounts.single_sign_on.fetching import FetchFailed, check_address, fetch, may_connect
from tests.accounts.single_sign_on.provider import Provider


def why(url: str) -> str:
    with pytest.raises(FetchFailed) as caught:
        fetch(url)
    return str(caught.value)


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """A server that says one thing to everybody, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(content)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "https://",
        "https://a:b@idp.example",
        "https://idp.example#x",
        "https://[::1",
        "https://x:0",
    ],
)
def test_what_is_no_address(url: str) -> None:
    assert "https://" in why(url)


@pytest.mark.parametrize("url", ["http://idp.example", "ftp://idp.example", "file:///etc/passwd"])
def test_only_https(url: str) -> None:
    assert "https://" in why(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - no bind
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_inner_addresses_are_not_asked(settings: Settings, address: str) -> None:
    settings.SSO_INTERNAL_NETWORKS = []
    assert not may_connect(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert "SSO_INTERNAL_NETWORKS" in why(f"https://{host}/")


def test_what_an_operator_allows(settings: Settings) -> None:
    settings.SSO_INTERNAL_NETWORKS = ["10.1.0.0/16"]
    assert may_connect(ip_address("10.1.2.3"))
    assert not may_connect(ip_address("10.2.0.1"))
    assert may_connect(ip_address("93.184.215.14"))
    with pytest.raises(FetchFailed):
        check_address("http://10.1.2.3/")  # in the clear only to this machine


def test_a_name_that_leads_inside(settings: Settings) -> None:
    settings.SSO_INTERNAL_NETWORKS = []
    assert "inside this network" in why("https://localhost/")
    assert "no host" in why("https://nowhere.invalid/")


def test_an_answer(idp: Provider) -> None:
    answer = fetch(f"{idp.url}/jwks")
    assert answer.is_good
    assert answer.body["keys"][0]["kid"] == "one"
    assert not fetch(f"{idp.url}/nothing").is_good
    assert fetch(f"{idp.url}/token", form={"code": "x"}).status == 401


def test_a_redirect_is_not_followed(idp: Provider) -> None:
    assert fetch(f"{idp.url}/moved").status == 302


def test_what_is_no_object(idp: Provider) -> None:
    for raw in (b"[1]", b"no json", b"[" * 20_000):
        idp.raw_document = raw
        assert fetch(f"{idp.url}/.well-known/openid-configuration").body == {}


def test_too_much(idp: Provider) -> None:
    idp.raw_document = b'"' + b"x" * fetching.MOST_BYTES + b'"'
    assert "256 KiB" in why(f"{idp.url}/.well-known/openid-configuration")


def test_too_slow(idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ALL_S", -1.0)
    assert "ten seconds" in why(f"{idp.url}/jwks")


def test_an_answer_that_breaks_off(settings: Settings) -> None:
    settings.SSO_INTERNAL_NETWORKS = ["127.0.0.0/8"]
    with answering(b"nonsense\r\n\r\n") as url:
        assert "refused or broke" in why(url)
    assert "refused or broke" in why(url)  # it has gone


def test_a_certificate_of_nobody(settings: Settings) -> None:
    settings.SSO_INTERNAL_NETWORKS = ["127.0.0.0/8"]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake_hands() -> None:
            connection, _ = server.accept()
            with pytest.raises(ssl.SSLError), context.wrap_socket(connection, server_side=True):
                pass

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        assert "certificate" in why(f"https://localhost:{server.getsockname()[1]}/")
        thread.join()
