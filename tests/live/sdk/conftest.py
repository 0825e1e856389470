"""A simulator with TLS for the official SDKs: the Python one dials nothing else."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import trustme

from live.simulator import Pace, Simulator
from tests.live.sdk.node import Driver, running
from tests.live.simulator.clock import Clock

PACE = Pace(setup=0.02, first_update=0.01, thinking=0.02, hearing=0.02, playback=0.1, speed=20)


@pytest.fixture
def authority_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate that signs those of the test; the Python SDK finds it by itself."""
    path = tmp_path / "authority.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.fixture
def tls(authority_path: Path) -> ssl.SSLContext:
    """What the server of a test shows."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(authority_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
async def simulator(tls: ssl.SSLContext) -> AsyncIterator[Simulator]:
    async with Simulator(tls_port=0, ssl_context=tls, pace=PACE, resume_wait=0) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """The time by which the tokens of `clocked` expire."""
    return Clock()


@pytest.fixture
async def clocked(tls: ssl.SSLContext, clock: Clock) -> AsyncIterator[Simulator]:
    """A simulator on a clock that only the test moves."""
    serving = Simulator(tls_port=0, ssl_context=tls, pace=PACE, resume_wait=0, wall=clock)
    async with serving as running:
        yield running


@pytest.fixture
async def driver(tmp_path: Path, authority_path: Path) -> AsyncIterator[Driver]:
    """The JavaScript SDK."""
    with (tmp_path / "node.log").open("wb") as log:
        async with running(log, authority_path) as driver:
            yield driver


@pytest.fixture
def threaded(tls: ssl.SSLContext) -> Iterator[Simulator]:
    """A simulator on a loop of its own: the SDK before 3.0 blocks its caller's for a token."""
    with turning_loop() as loop:
        simulator = Simulator(tls_port=0, ssl_context=tls, pace=PACE)
        asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result()
        try:
            yield simulator
        finally:
            closing = simulator.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(closing, loop).result()


@contextmanager
def turning_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
