"""A TLS handshake with the demo's certificate, trusting nothing but the demo's authority."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import pytest

from conversations.demo.certificate import ensure_certificate

Files = tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return ensure_certificate(tmp_path_factory.mktemp("demo"))


async def handshake(files: Files, trusting: ssl.SSLContext, name: str) -> None:
    """Connect to a server that shows the certificate, as a client that knows it by `name`."""
    _, certificate, key = files
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=serving) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname=name
        )
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
async def test_who_trusts_the_authority_trusts_the_server(files: Files, name: str) -> None:
    trusting = ssl.create_default_context(cafile=files[0])
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on
    await handshake(files, trusting, name)


async def test_it_is_no_certificate_for_other_names(files: Files) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await handshake(files, ssl.create_default_context(cafile=files[0]), "parley.example")


async def test_who_does_not_know_the_authority_trusts_nothing(files: Files) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(files, ssl.create_default_context(), "localhost")


def test_the_key_is_its_owners_alone(files: Files) -> None:
    assert stat.S_IMODE(files[2].stat().st_mode) == 0o600


def test_it_is_made_once_and_again_when_a_part_is_lost(tmp_path: Path) -> None:
    before = [file.read_bytes() for file in ensure_certificate(tmp_path)]
    assert [file.read_bytes() for file in ensure_certificate(tmp_path)] == before
    (tmp_path / "ca.pem").unlink()
    after = [file.read_bytes() for file in ensure_certificate(tmp_path)]
    assert all(old != new for old, new in zip(before, after, strict=True))
