"""What daphne needs beyond what both servers promise: see `test_serve` for that."""

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.config.server.conftest import MEBIBYTE, Web


@pytest.fixture
def connection(shared_web: Callable[[str], Web]) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(shared_web("daphne").url).netloc, timeout=20)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/path/one", "/path/one"),
        ("//path/one", "/path/one"),
        ("///path//one///two/", "/path/one/two/"),
        ("/path/one?next=//two//three", "/path/one"),
        ("/path/%2F%2Fone", "/path///one"),
    ],
)
def test_repeated_slashes_of_a_request_collapse(
    connection: http.client.HTTPConnection, target: str, path: str
) -> None:
    connection.request("GET", target)
    assert connection.getresponse().read().decode() == path
    connection.close()


def test_a_body_above_the_limit_is_a_413_and_the_connection_lives_on(
    connection: http.client.HTTPConnection,
) -> None:
    found = []
    for size in (32 * MEBIBYTE, 33 * MEBIBYTE, 10):
        connection.request("POST", "/size/of", body=bytes(size))
        response = connection.getresponse()
        found.append((response.status, response.read()[:8]))
    connection.close()

    assert [status for status, _ in found] == [200, 413, 200]
    assert found[0][1] == str(32 * MEBIBYTE).encode()
    assert found[2][1] == b"10"


async def test_sockets_are_logged_with_their_path(shared_web: Callable[[str], Web]) -> None:
    web = shared_web("daphne")
    async with web.connect("/echo/noted?key=secret"):
        web.child.wait_for(r'INFO daphne.access: \S+ - "WebSocket /echo/noted" \[connected\]')
    web.child.wait_for(r'"WebSocket /echo/noted" \[disconnected\]')
    assert "secret" not in web.child.output
