import asyncio

import pytest

from conversations.link import LinkClosed, LinkPool, LinkStream, Listener, listen_memory
from tests.conversations.link.pair import SECRET


async def test_an_address_of_its_own_for_each_listener() -> None:
    first, second = listen_memory(LinkStream.close), listen_memory(LinkStream.close)
    assert first.address.startswith("memory:")
    assert first.address != second.address
    await first.aclose()
    await second.aclose()


async def test_nobody_listens_after_the_listener_closed() -> None:
    listener = listen_memory(LinkStream.close)
    await listener.aclose()
    pool = LinkPool(SECRET)
    with pytest.raises(LinkClosed, match="connect-failed"):
        await pool.open(listener.address, b"")
    await pool.aclose()


def test_a_listener_of_another_loop_is_out_of_reach() -> None:
    async def connect(address: str) -> None:
        pool = LinkPool(SECRET)
        with pytest.raises(LinkClosed, match="connect-failed"):
            await pool.open(address, b"")

    with asyncio.Runner() as one, asyncio.Runner() as other:

        async def start() -> Listener:
            return listen_memory(LinkStream.close)

        listener = one.run(start())
        other.run(connect(listener.address))
        one.run(listener.aclose())


async def test_closing_delivers_what_was_written_first() -> None:
    accepted: list[LinkStream] = []
    listener = listen_memory(accepted.append)
    pool = LinkPool(SECRET)
    stream = await pool.open(listener.address, b"")
    await stream.send(b"last words")
    await pool.aclose()
    assert await accepted[0].receive() == b"last words"
    with pytest.raises(LinkClosed, match="pool-closed"):
        await accepted[0].receive()
    await listener.aclose()
