"""Both web servers in processes of their own, with real ports, plain and TLS."""

import asyncio
import json
import os
import ssl
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme
from websockets.asyncio.client import connect

from tests.children import Child

APPLICATION = Path(__file__).with_name("application.py")
ROOT = Path(__file__).resolve().parents[3]
MEBIBYTE = 1024 * 1024
SERVERS = ("daphne", "uvicorn")


@dataclass(frozen=True)
class Certificates:
    chain: Path
    key: Path
    authority: Path

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


class Web:
    """A serving process and what a test asks of it. `scheme` is `ws` or `wss`."""

    def __init__(self, server: str, child: Child, certificates: Certificates) -> None:
        self.server = server
        self.child = child
        self.certificates = certificates
        urls = child.wait_for(r'"serving", "urls": (\[.*\])')[1]
        self.url, self.tls_url = json.loads(urls)

    def connect(self, path: str, scheme: str = "ws", **options: Any) -> connect:
        """A client without the extras that would blur a test: no compression, no pings."""
        base = self.url if scheme == "ws" else self.tls_url
        options = {"compression": None, "ping_interval": None, "max_size": None, **options}
        if scheme == "wss":
            options["ssl"] = self.certificates.trusting()
        return connect(base.replace("http", "ws", 1) + path, **options)

    async def get(self, path: str) -> str:
        def read() -> str:
            with urllib.request.urlopen(self.url + path, timeout=10) as response:  # noqa: S310
                body: bytes = response.read()
            return body.decode()

        return await asyncio.to_thread(read)

    async def progress(self, name: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask for the progress of `name` until it is as wanted."""
        while True:
            report: dict[str, Any] = json.loads(await self.get(f"/progress/{name}"))
            if until(report):
                return report

    def resident(self) -> int:
        """Memory of the process in MiB."""
        return int(psutil.Process(self.child.pid).memory_info().rss / MEBIBYTE)


class Webs:
    """Starts serving processes, and ends them all."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._children: list[Child] = []

    def child(self, server: str, **options: Any) -> Child:
        files = {"certificate": self._certificates.chain, "key": self._certificates.key}
        told = json.dumps({"server": server, **options, **files}, default=str)
        paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
        child = Child([sys.executable, str(APPLICATION), told], {**os.environ, **paths})
        self._children.append(child)
        return child

    def __call__(self, server: str, **options: Any) -> Web:
        return Web(server, self.child(server, **options), self._certificates)

    def stop(self) -> None:
        for child in self._children:
            child.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    found = Certificates(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
    authority.cert_pem.write_to_path(found.authority)
    issued.private_key_pem.write_to_path(found.key)
    for part in issued.cert_chain_pems:
        part.write_to_path(found.chain, append=True)
    return found


@pytest.fixture(scope="session")
def shared_web(certificates: Certificates) -> Iterator[Callable[[str], Web]]:
    """Give the one process of a server that all tests share which leave it running."""
    webs = Webs(certificates)
    yield cache(webs)
    webs.stop()


@pytest.fixture(params=SERVERS)
def web(request: pytest.FixtureRequest, shared_web: Callable[[str], Web]) -> Web:
    """Each server in turn."""
    return shared_web(request.param)


@pytest.fixture
def webs(certificates: Certificates) -> Iterator[Webs]:
    """For tests that end their server or want it otherwise."""
    started = Webs(certificates)
    yield started
    started.stop()


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
