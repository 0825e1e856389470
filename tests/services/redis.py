"""A Redis of our own on a free port of the loopback interface, without persistence."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.services import ServiceError
from tests.services.programs import REDIS, find_redis

ATTEMPTS = 5
PAUSE = 0.02  # seconds between two looks at a starting server


def given() -> str:
    """The URL of `REDIS_URL`, "" if there is none. The processes of a run that is shared among
    several (`gw0`, `gw1` …) take the database numbers after it."""
    url, process = os.environ.get("REDIS_URL", ""), os.environ.get("PYTEST_XDIST_WORKER", "")
    if not url or not process:
        return url
    scheme, server, path, query, _ = urlsplit(url)
    number = int(path.strip("/") or 0) + 1 + int(process.removeprefix("gw"))
    return urlunsplit((scheme, server, f"/{number}", query, ""))


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[str]:
    """Start the server, give its URL, stop it at the end. Raises ServiceError.

    `port` is one that is known to be free, for a server that comes back where it was.
    """
    program = find_redis()
    if program is None:
        raise ServiceError(REDIS.advice())
    process, at = _start(program, folder, port)
    try:
        yield f"redis://127.0.0.1:{at}/0"
    finally:
        process.kill()
        process.wait()


def _start(program: Path, folder: Path, wanted: int | None) -> tuple[subprocess.Popen[bytes], int]:
    # Redis cannot pick a free port itself, and a port found free may be gone a moment later.
    for _ in range(ATTEMPTS):
        port = wanted or free_port()
        address = ["--bind", "127.0.0.1", "--port", str(port)]
        files: list[str | Path] = ["--dir", folder, "--save", "", "--logfile", folder / "redis.log"]
        process = subprocess.Popen([program, *address, *files], stdin=subprocess.DEVNULL)
        if _answers(process, port):
            return process, port
    raise ServiceError(f"Redis did not start: {(folder / 'redis.log').read_text()}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """True when the server answers, False when the process ended first."""
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            if connection.recv(16).startswith(b"+PONG"):
                return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(PAUSE)
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
