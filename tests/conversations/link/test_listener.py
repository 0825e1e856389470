import asyncio
import ssl
from urllib.parse import urlsplit

import pytest

from conversations.link import LinkClosed, LinkPool, LinkRefused, LinkStream, listen, listener
from conversations.link.handshake import MAGIC, NONCE_SIZE
from tests.conversations.link.pair import SECRET, HandPeer
from tests.conversations.link.sites import TLS


async def test_unproved_callers_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_HANDSHAKES", 2)
    accepted: asyncio.Queue[LinkStream] = asyncio.Queue()
    here = await listen(accepted.put_nowait, host="127.0.0.1", port=0, secret=SECRET)
    idle = [await HandPeer.dial(here.address) for _ in range(2)]
    for peer in idle:
        challenge = await peer.reader.readexactly(len(MAGIC) + NONCE_SIZE)
        assert peer.core.receive_data(challenge, 0.0) == []
    third = await HandPeer.dial(here.address)
    assert await third.reader.read() == b""
    await idle[0].open()  # proved now, so that there is room again
    fourth = await HandPeer.dial(here.address)
    await fourth.open()
    for peer in (*idle, third, fourth):
        await peer.close()
    await here.aclose()


async def test_failed_tls_handshakes_are_forgotten() -> None:
    async with TLS.site() as site:
        plain = LinkPool(SECRET, timeout=0.1)  # each side waits for the other to speak first
        with pytest.raises(LinkClosed):
            await plain.open(site.listener.address, b"")
        await plain.aclose()
        doubtful = LinkPool(SECRET, ssl.create_default_context())
        with pytest.raises(LinkRefused, match="tls-refused"):
            await doubtful.open(site.listener.address, b"")
        await doubtful.aclose()
        assert not (await site.pool.open(site.listener.address, b"")).closed


async def test_nobody_is_heard_after_the_end() -> None:
    here = await listen(LinkStream.close, host="127.0.0.1", port=0, secret=SECRET)
    peer = await HandPeer.dial(here.address)
    await peer.open()
    await here.aclose()
    await here.aclose()
    await peer.exchange(lambda: peer.core.ended)
    assert peer.core.ended is not None
    assert peer.core.ended.reason == "listener-closed"
    parts = urlsplit(here.address)
    with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the system likes
        await asyncio.open_connection(parts.hostname, parts.port)
    await peer.close()
