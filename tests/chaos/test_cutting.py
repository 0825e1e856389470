"""The wire carries bytes faithfully, and breaks as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from tests.chaos.cutting import Wire, wire

PATIENCE_S = 20.0
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Call = Callable[[Wire], Awaitable[Ends]]


@pytest.fixture
async def echo() -> AsyncIterator[tuple[str, int]]:
    """A server that sends everything back, and closes when its client does."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()


@pytest.fixture
async def line(echo: tuple[str, int]) -> AsyncIterator[Wire]:
    async with asyncio.timeout(PATIENCE_S), wire(echo) as laid:
        yield laid


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    """Dials a wire; what it opened is closed with the test."""
    writers: list[asyncio.StreamWriter] = []

    async def dial(line: Wire) -> Ends:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        writers.append(writer)
        return reader, writer

    yield dial
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def said_back(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: bytes
) -> bytes:
    writer.write(words)
    return await reader.readexactly(len(words))


async def test_it_carries_everything_in_order_and_passes_the_end_on(line: Wire, call: Call) -> None:
    reader, writer = await call(line)
    much = bytes(range(256)) * 8192
    assert await said_back(reader, writer, much) == much
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()


async def test_a_cut_resets_and_refuses_until_it_is_healed(line: Wire, call: Call) -> None:
    reader, writer = await call(line)
    assert await said_back(reader, writer, b"one") == b"one"
    line.cut()
    assert await is_reset(reader)
    again, _ = await call(line)
    assert await is_reset(again)
    line.heal()
    assert await said_back(*await call(line), b"two") == b"two"


async def test_a_drop_lets_the_next_connection_pass(line: Wire, call: Call) -> None:
    reader, writer = await call(line)
    assert await said_back(reader, writer, b"one") == b"one"
    line.drop()
    assert await is_reset(reader)
    assert await said_back(*await call(line), b"two") == b"two"


async def test_a_stall_holds_what_is_said_and_closes_nothing(line: Wire, call: Call) -> None:
    reader, writer = await call(line)
    assert await said_back(reader, writer, b"one") == b"one"
    line.stall()
    writer.write(b"two")
    late_reader, late_writer = await call(line)
    late_writer.write(b"three")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await reader.read(1)
    line.heal()
    assert await reader.readexactly(3) == b"two"
    assert await late_reader.readexactly(5) == b"three"


async def test_a_stalled_sender_is_held_back(line: Wire, call: Call) -> None:
    """What a wire holds has a bound: the rest stays with its sender."""
    _, writer = await call(line)
    line.stall()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send_for_ever(writer), 1)


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(1024 * 1024))
        await writer.drain()


async def test_a_slow_wire_is_late_and_in_order(line: Wire, call: Call) -> None:
    reader, writer = await call(line)
    clock = asyncio.get_running_loop().time
    line.delay_s = 0.1
    began = clock()
    for number in range(50):
        writer.write(b"%02d" % number)
    came = await reader.readexactly(100)
    assert clock() - began >= 0.2, "there and back"
    assert came == b"".join(b"%02d" % number for number in range(50))


async def test_a_dead_target_ends_the_connection_and_another_takes_over(
    echo: tuple[str, int], call: Call
) -> None:
    async with wire() as line:
        assert await is_reset((await call(line))[0])
        line.target = echo
        assert await said_back(*await call(line), b"here") == b"here"


async def is_reset(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True
