"""Listening sockets, and the one clear line when one cannot be had."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.server.sockets import Endpoint, Listener, StartError, bind
from tests.config.server.conftest import Certificates


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def close(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.socket.close()


def test_port_0_is_a_free_port_and_the_url_names_it() -> None:
    listeners = bind([Endpoint()])
    port = listeners[0].socket.getsockname()[1]

    assert port != 0
    assert [listener.url for listener in listeners] == [f"http://127.0.0.1:{port}"]
    socket.create_connection(("127.0.0.1", port), 5).close()
    close(listeners)


def test_a_host_of_two_addresses_has_one_port() -> None:
    listeners = bind([Endpoint("localhost")])

    assert len({listener.url for listener in listeners}) == 1
    assert "127.0.0.1" in {listener.socket.getsockname()[0] for listener in listeners}
    close(listeners)


def test_an_ipv6_url_has_brackets() -> None:
    try:
        listeners = bind([Endpoint("::1")])
    except StartError:
        pytest.skip("this machine has no IPv6")

    assert listeners[0].url.startswith("http://[::1]:")
    close(listeners)


def test_a_busy_port_is_named_and_nothing_stays_open(busy_port: int) -> None:
    free = bind([Endpoint()])
    port = free[0].socket.getsockname()[1]
    close(free)

    with pytest.raises(StartError, match=f"Port {busy_port} of 127.0.0.1 cannot be used"):
        bind([Endpoint(port=port), Endpoint(port=busy_port)])

    close(bind([Endpoint(port=port)]))


def test_a_certificate_makes_an_https_url(certificates: Certificates) -> None:
    listeners = bind([Endpoint(certificate=certificates.chain, key=certificates.key)])

    assert listeners[0].url.startswith("https://127.0.0.1:")
    close(listeners)


def test_an_unusable_certificate_is_named(certificates: Certificates, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"missing\.pem .*cannot be used"):
        bind([Endpoint(certificate=tmp_path / "missing.pem", key=certificates.key)])
    with pytest.raises(StartError, match=r"authority\.pem .*cannot be used"):
        bind([Endpoint(certificate=certificates.authority, key=certificates.key)])


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    with pytest.raises(StartError, match=host):
        bind([Endpoint(host)])


def test_no_endpoint_is_an_error() -> None:
    with pytest.raises(StartError, match="nothing to listen on"):
        bind([])
