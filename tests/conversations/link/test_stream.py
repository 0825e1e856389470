import asyncio

import pytest

from conversations.link import LinkClosed
from conversations.link.core import LinkCore
from conversations.link.stream import LinkStream
from tests.conversations.link.pair import joined


class Carrier:
    """A connection that flushes when the test says so."""

    def __init__(self, core: LinkCore) -> None:
        self.core = core
        self.paused = False
        self.flushes = 0
        self.forgotten: list[int] = []

    def plan_flush(self) -> None:
        self.flushes += 1

    def forget(self, stream_id: int) -> None:
        self.forgotten.append(stream_id)


class Ends:
    """Both ends of one stream, and the wire between them."""

    def __init__(self, window: int = 1000) -> None:
        self.pair = joined()
        web, worker = self.pair.open(b"info", window)
        self.web_carrier = Carrier(self.pair.web)
        self.worker_carrier = Carrier(self.pair.worker)
        self.web = LinkStream(self.web_carrier, web)
        self.worker = LinkStream(self.worker_carrier, worker)

    def pump(self) -> None:
        self.pair.pump()
        for stream in (self.web, self.worker):
            stream.wake_reader()
            stream.wake_writers()


async def test_messages_that_are_there_need_no_waiting() -> None:
    ends = Ends()
    assert ends.web.receive_nowait() is None
    await ends.worker.send(b"one")
    assert ends.worker.send_nowait(b"two")
    ends.pump()
    assert (ends.web.receive_nowait(), await ends.web.receive()) == (b"one", b"two")
    assert ends.worker_carrier.flushes == 2
    assert (ends.web.info, ends.worker.info) == (b"info", b"info")


async def test_a_reader_is_woken() -> None:
    ends = Ends()
    reader = asyncio.create_task(ends.web.receive())
    await asyncio.sleep(0)
    await ends.worker.send(b"one")
    ends.pump()
    assert await reader == b"one"


async def test_a_cancelled_reader_loses_nothing() -> None:
    ends = Ends()
    reader = asyncio.create_task(ends.web.receive())
    await asyncio.sleep(0)
    await ends.worker.send(b"one")
    ends.pump()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await ends.web.receive() == b"one"


async def test_one_reader_at_a_time() -> None:
    ends = Ends()
    reader = asyncio.create_task(ends.web.receive())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await ends.web.receive()
    ends.web.close()
    with pytest.raises(LinkClosed):
        await reader


async def test_a_sender_waits_for_credit() -> None:
    ends = Ends(window=100)
    await ends.worker.send(b"x" * 100)
    assert not ends.worker.send_nowait(b"y")
    senders = [asyncio.create_task(ends.worker.send(text)) for text in (b"1" * 60, b"2" * 60)]
    ends.pump()
    assert await ends.web.receive() == b"x" * 100
    ends.pump()
    assert not any(sender.done() for sender in senders)
    ends.web.consumed(100)
    ends.pump()
    await asyncio.gather(*senders)
    ends.pump()
    assert [await ends.web.receive() for _ in senders] == [b"1" * 60, b"2" * 60]


async def test_a_cancelled_sender_sends_nothing_and_wakes_nobody_wrongly() -> None:
    ends = Ends(window=10)
    await ends.worker.send(b"x" * 10)
    first = asyncio.create_task(ends.worker.send(b"first"))
    second = asyncio.create_task(ends.worker.send(b"second"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    ends.pump()
    await ends.web.receive()
    ends.web.consumed(10)
    ends.pump()
    await second
    ends.pump()
    assert await ends.web.receive() == b"second"
    assert ends.web.receive_nowait() is None


async def test_senders_wait_while_the_connection_is_paused() -> None:
    ends = Ends()
    ends.worker_carrier.paused = True
    assert not ends.worker.send_nowait(b"x")
    waiting = asyncio.create_task(ends.worker.wait_writable())
    ends.pump()
    await asyncio.sleep(0)
    assert not waiting.done()
    ends.worker_carrier.paused = False
    ends.worker.wake_writers()
    await waiting
    assert ends.worker.send_nowait(b"x")


async def test_closing_wakes_everyone_and_drops_what_was_not_read() -> None:
    ends = Ends(window=10)
    await ends.worker.send(b"x" * 10)
    await ends.web.send(b"unread")
    ends.pump()
    sender = asyncio.create_task(ends.worker.send(b"y"))
    await asyncio.sleep(0)
    ends.worker.close("moved")
    with pytest.raises(LinkClosed, match="moved"):
        await sender
    for attempt in (ends.worker.receive, ends.worker.wait_writable):
        with pytest.raises(LinkClosed, match="moved"):
            await attempt()
    assert ends.worker.closed
    assert ends.worker_carrier.forgotten == [ends.worker_carrier.forgotten[0]]


async def test_the_other_end_reads_to_the_end_and_then_learns_the_reason() -> None:
    ends = Ends()
    await ends.worker.send(b"last words")
    ends.worker.close("moved")
    ends.pump()
    assert ends.web.closed
    with pytest.raises(LinkClosed, match="moved"):
        ends.web.send_nowait(b"too late")
    assert await ends.web.receive() == b"last words"
    for _ in range(2):
        with pytest.raises(LinkClosed, match="moved"):
            await ends.web.receive()


async def test_what_cannot_be_a_message_is_refused_even_without_credit() -> None:
    ends = Ends(window=1)
    assert ends.worker.send_nowait(b"x")
    with pytest.raises(ValueError, match="1 MiB"):
        ends.worker.send_nowait(b"")
    with pytest.raises(ValueError, match="consumed"):
        ends.web.consumed(1)
