"""Pings end the sockets of dead clients, and of no other."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.config.server.conftest import SERVERS, Certificates, Web, Webs
from tests.config.server.test_back_pressure import (
    handshake,
    open_socket,
    read_frame,
    send_until_it_waits,
)

# Seconds; daphne looks every 2. A process that a busy machine stops for the time-out would see
# ping and end at once, and its client only a reset.
INTERVAL, TIMEOUT = 0.3, 2.0


@pytest.fixture(scope="module", params=SERVERS)
def pinging(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Web]:
    webs = Webs(certificates)
    yield webs(request.param, ping=(INTERVAL, TIMEOUT))
    webs.stop()


async def test_a_client_that_is_not_read_is_not_dropped(pinging: Web) -> None:
    async with pinging.connect("/hold/unread") as client:
        sent = await send_until_it_waits(client)
        await asyncio.to_thread(pinging.child.wait_for, "A ping is unanswered, but")
        await pinging.get("/release/unread")
        await client.send("end")
        assert await client.recv() == str(sent)


def test_a_client_that_does_not_answer_is_dropped(pinging: Web) -> None:
    with open_socket(pinging) as client:
        handshake(client, "/echo/dead")
        opcode, _ = read_frame(client)
        assert opcode == 9
        try:
            while client.recv(1024):
                pass
        except ConnectionResetError:
            pass  # daphne's way

    report = asyncio.run(pinging.progress("dead", lambda report: report["ended"]))
    assert report["disconnect"]["type"] == "websocket.disconnect"
