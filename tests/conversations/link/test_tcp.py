import asyncio
from urllib.parse import urlsplit

import pytest

from conversations.link import LinkPool, LinkRefused, LinkStream, Listener, listen
from conversations.link.handshake import MAGIC, NONCE_SIZE, PROOF_SIZE, REFUSAL
from conversations.link.tcp import format_address, parse_address
from tests.conversations.link.pair import OTHER_SECRET, SECRET, HandPeer


async def listener_of(accepted: list[LinkStream]) -> Listener:
    return await listen(accepted.append, host="127.0.0.1", port=0, secret=SECRET)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 80), ("worker-3", 9000), ("::1", 1)])
def test_addresses_are_read_as_they_are_written(host: str, port: int) -> None:
    assert parse_address(format_address(host, port)) == (host, port)


@pytest.mark.parametrize(
    "address",
    ["", "host:80", "http://host:80", "tcp://host", "tcp://:80", "tcp://h:99999", "tcp://[::1"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(LinkRefused, match="bad-address"):
        parse_address(address)


async def test_the_address_names_the_port_that_was_taken() -> None:
    listener = await listener_of([])
    parts = urlsplit(listener.address)
    assert (parts.scheme, parts.hostname) == ("tcp", "127.0.0.1")
    assert parts.port
    await listener.aclose()


async def test_a_caller_with_another_secret_is_refused_and_told_so() -> None:
    accepted: list[LinkStream] = []
    listener = await listener_of(accepted)
    pool = LinkPool(OTHER_SECRET)
    with pytest.raises(LinkRefused, match="wrong-secret"):
        await pool.open(listener.address, b"")
    assert accepted == []
    await pool.aclose()
    await listener.aclose()


async def test_a_caller_of_another_protocol_is_cut_off() -> None:
    listener = await listener_of([])
    peer = await HandPeer.dial(listener.address)
    peer.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert len(await peer.reader.read()) == len(MAGIC) + NONCE_SIZE
    await peer.close()
    await listener.aclose()


async def test_a_listener_that_only_reflects_gets_no_stream() -> None:
    """An impostor on the address, who sends back whatever it is sent."""

    async def reflect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(MAGIC + bytes(NONCE_SIZE))
        hello = await reader.readexactly(len(MAGIC) + NONCE_SIZE + PROOF_SIZE)
        writer.write(hello[-PROOF_SIZE:])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        reflected.set_result(None)

    reflected = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(reflect, "127.0.0.1", 0)
    pool = LinkPool(SECRET)
    host, port = server.sockets[0].getsockname()
    with pytest.raises(LinkRefused, match="wrong-secret"):
        await pool.open(format_address(host, port), b"")
    await reflected
    await pool.aclose()
    server.close()
    await server.wait_closed()


async def test_a_caller_that_reflects_the_challenge_gets_no_proof() -> None:
    """The listening end's own nonce back, from a caller who hopes for the same answer twice."""
    accepted: list[LinkStream] = []
    listener = await listener_of(accepted)
    peer = await HandPeer.dial(listener.address)
    hello = await peer.reader.readexactly(len(MAGIC) + NONCE_SIZE)
    peer.writer.write(hello + bytes(PROOF_SIZE))
    assert await peer.reader.read() == REFUSAL
    assert accepted == []
    await peer.close()
    await listener.aclose()
