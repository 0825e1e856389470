"""From start to drain, on both servers, in processes that are ended by signals."""

import asyncio
import http.client
import signal
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from tests.config.server.conftest import Web, Webs

SOON = 10.0  # seconds, far below the drain's own 20 and 60


async def said(web: Web, word: str) -> None:
    await asyncio.to_thread(web.child.wait_for, f'"said": "{word}"')


async def ended(web: Web) -> int:
    return await asyncio.to_thread(web.child.wait, SOON)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_sigterm_lets_a_running_socket_end(webs: Webs, server: str, scheme: str) -> None:
    web = await asyncio.to_thread(webs, server)
    async with web.connect("/linger/one", scheme) as socket:
        assert await socket.recv() == "running"
        web.child.terminate()
        await said(web, "draining")

        with pytest.raises(OSError, match=r"refused|failed"):
            await web.connect("/echo/late", scheme)

        await socket.send("end")
        assert await socket.recv() == "done"
        with pytest.raises(ConnectionClosed) as close:
            await socket.recv()

    assert close.value.rcvd == Close(1000, "ended by itself")
    assert await ended(web) == 0
    assert web.child.output.index("serving") < web.child.output.index("draining")


async def test_a_socket_that_goes_on_is_cut_at_the_deadline(webs: Webs, server: str) -> None:
    web = await asyncio.to_thread(webs, server, drain_timeout=0.2)
    async with web.connect("/linger/one") as socket:
        assert await socket.recv() == "running"
        web.child.terminate()
        with pytest.raises(ConnectionClosed) as close:
            await socket.recv()

    assert close.value.rcvd == Close(1001, "server draining")
    assert await ended(web) == 0
    assert "Drain cut short: 1 sockets and requests end now" in web.child.output


async def test_the_same_signal_twice_cuts_at_once(webs: Webs, server: str) -> None:
    web = await asyncio.to_thread(webs, server, drain_timeout=60)
    async with web.connect("/linger/one") as socket:
        assert await socket.recv() == "running"
        web.child.send_signal(signal.SIGINT)
        web.child.send_signal(signal.SIGTERM)  # one Ctrl-C, from terminal and supervisor
        await said(web, "draining")
        web.child.send_signal(signal.SIGINT)
        with pytest.raises(ConnectionClosed) as close:
            await asyncio.wait_for(socket.recv(), SOON)

    assert close.value.rcvd == Close(1001, "server draining")
    assert await ended(web) == 0


async def test_a_reader_that_stalls_does_not_outlast_the_drain(webs: Webs, server: str) -> None:
    web = await asyncio.to_thread(webs, server, drain_timeout=0.2)
    async with web.connect("/flood/stalled", max_queue=1) as reader:
        await web.progress("stalled", lambda report: report["waiting"] > 0.3)
        web.child.terminate()
        assert await ended(web) == 0
        reader.transport.abort()


async def test_a_kept_connection_gets_no_new_request_in(webs: Webs, server: str) -> None:
    web = await asyncio.to_thread(webs, server)
    kept = http.client.HTTPConnection(urlsplit(web.url).netloc, timeout=SOON)
    kept.request("GET", "/path/one")
    assert kept.getresponse().read() == b"/path/one"
    async with web.connect("/linger/one"):
        web.child.terminate()
        await said(web, "draining")
        if server == "daphne":
            kept.request("GET", "/path/two")
            assert kept.getresponse().status == 503
        else:
            assert kept.sock is not None
            assert kept.sock.recv(1) == b""  # ended by the server, as it was idle
        kept.close()
    assert await ended(web) == 0


async def test_it_says_that_it_leaves_before_it_refuses_anybody(webs: Webs, server: str) -> None:
    web = await asyncio.to_thread(webs, server, notice=60)
    web.child.terminate()
    await said(web, "leaving")
    assert await web.get("/path/late") == "/path/late"
    async with web.connect("/linger/one") as socket:
        assert await socket.recv() == "running"
        assert "draining" not in web.child.output
        web.child.terminate()  # whoever is in a hurry does not wait for the notice either
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), SOON)
    assert await ended(web) == 0
    told = [
        web.child.output.index(f'"said": "{word}"') for word in ("leaving", "draining", "empty")
    ]
    assert told == sorted(told)


async def test_a_failing_start_ends_the_process_unserved(webs: Webs, server: str) -> None:
    child = webs.child(server, fail_ready=True)

    assert await asyncio.to_thread(child.wait, SOON) == 1
    assert "RuntimeError: the worker did not start" in child.output
    assert '"serving"' not in child.output


async def test_a_failing_drain_hook_is_told_and_ends_nothing(webs: Webs, server: str) -> None:
    web = await asyncio.to_thread(webs, server, fail_drain=True)
    web.child.terminate()

    assert await ended(web) == 0
    assert "The drain hook failed" in web.child.output
    assert "the worker did not stop" in web.child.output
