"""A web process with TLS, which the Python SDK wants, and a worker, for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.children import Child, Children
from tests.live.sdk.node import Driver, running


@dataclass(frozen=True)
class Server:
    """`url` and `tls_url` of the web process; `spawn` starts more children."""

    url: str
    tls_url: str
    web: Child
    worker: Child
    spawn: Children
    authority: Path


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    spawn = Children()
    try:
        yield start(spawn, tmp_path_factory.mktemp("tls"))
    finally:
        spawn.stop()


def start(spawn: Children, folder: Path, *options: str) -> Server:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    both = str(folder / "both.pem")
    worker = spawn("worker", ready="serves at")
    tls = ["--tls-port", "0", "--tls-cert", both, "--tls-key", both]
    web = spawn("web", "--port", "0", *tls, *options, ready="Serving on")
    found = web.wait_for(r"Serving on (http://\S+) and (https://\S+)")
    return Server(found[1], found[2], web, worker, spawn, folder / "authority.pem")


@pytest.fixture
def trusting(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The Python SDK takes the server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    return server


@pytest.fixture
async def driver(tmp_path: Path, server: Server) -> AsyncIterator[Driver]:
    """The JavaScript SDK."""
    with (tmp_path / "node.log").open("wb") as log:
        async with running(log, server.authority) as driver:
            yield driver


def options(server: Server, key: str, **more: Any) -> dict[str, Any]:
    """How the JavaScript SDK is pointed at the server."""
    return {"apiKey": key, "httpOptions": {"baseUrl": server.url, **more}}
