import asyncio
import gc
from pathlib import Path

import pytest
import trustme
from channels.layers import InMemoryChannelLayer
from pytest_django.fixtures import Settings

from conversations.bus import Bus
from conversations.hosting import (
    BadAddress,
    link_secret,
    new_switchboard,
    new_worker,
    spare_the_collector,
    worker_options,
)
from conversations.link import LinkRefused, LinkStream, listen


@pytest.mark.parametrize(
    ("listen_at", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("worker-1.internal:7700", ("worker-1.internal", 7700))],
)
def test_where_a_worker_listens(
    settings: Settings, listen_at: str, expected: tuple[str, int]
) -> None:
    settings.WORKER_LISTEN = listen_at
    settings.WORKER_CAPACITY = 7
    options = worker_options()
    assert (options.listen_at, options.capacity) == (expected, 7)
    assert options.link_secret == link_secret()


@pytest.mark.parametrize(
    "listen_at", ["", "7700", ":7700", "host", "host:", "host:http", "h:-1", "h:65536"]
)
def test_a_bad_address_is_told_with_what_to_write(settings: Settings, listen_at: str) -> None:
    settings.WORKER_LISTEN = listen_at
    with pytest.raises(BadAddress, match=r"WORKER_LISTEN is .*; give host:port"):
        worker_options()


def test_web_processes_may_reach_it_elsewhere(settings: Settings) -> None:
    assert worker_options().reached_at == ""
    settings.WORKER_ADDRESS = "workers.example:7700"
    assert worker_options().reached_at == "tcp://workers.example:7700"
    settings.WORKER_ADDRESS = "workers.example"
    with pytest.raises(BadAddress, match=r"WORKER_ADDRESS is .*; give host:port"):
        worker_options()


def test_the_link_secret_follows_the_secret_key_and_does_not_show_it(settings: Settings) -> None:
    first = link_secret()
    assert link_secret() == first
    assert len(first) == 32
    assert first not in settings.SECRET_KEY.encode()
    settings.SECRET_KEY = "another one, just as long as the first"
    assert link_secret() != first


async def test_processes_with_the_same_secret_key_reach_each_other(settings: Settings) -> None:
    accepted: asyncio.Future[LinkStream] = asyncio.get_running_loop().create_future()
    listener = await listen(
        accepted.set_result, host="127.0.0.1", port=0, secret=worker_options().link_secret
    )
    friend = new_switchboard()
    settings.SECRET_KEY = "another one, just as long as the first"
    foreigner = new_switchboard()
    for switchboard in (friend, foreigner):
        await switchboard.start()
    assert friend.links is not None
    assert foreigner.links is not None
    await friend.links.open(listener.address, b"hello")
    assert (await accepted).info == b"hello"
    with pytest.raises(LinkRefused):
        await foreigner.links.open(listener.address, b"hello")
    for switchboard in (friend, foreigner):
        await switchboard.aclose()
    await listener.aclose()


async def test_the_link_runs_inside_tls_where_the_settings_say_so(
    settings: Settings, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    paths = [tmp_path / name for name in ("worker.pem", "key.pem", "ca.pem")]
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    authority.cert_pem.write_to_path(paths[2])
    settings.LINK_TLS_CERT, settings.LINK_TLS_KEY, settings.LINK_TLS_CA = map(str, paths)
    inside = new_switchboard()

    accepted: asyncio.Future[LinkStream] = asyncio.get_running_loop().create_future()
    options = worker_options()
    listener = await listen(
        accepted.set_result,
        host="127.0.0.1",
        port=0,
        secret=options.link_secret,
        ssl=options.tls,
    )
    await inside.start()
    assert inside.links is not None
    await inside.links.open(listener.address, b"hello")
    assert (await accepted).info == b"hello"
    await inside.aclose()
    await listener.aclose()


@pytest.mark.usefixtures("shared_database")
async def test_a_worker_inside_the_web_process_listens_in_memory(settings: Settings) -> None:
    settings.WORKER_IN_PROCESS = True
    bus = Bus(InMemoryChannelLayer())
    await bus.start()
    worker = new_worker(bus)
    assert worker is not None
    await worker.start()
    assert worker.address.startswith("memory:")
    await worker.aclose()
    await bus.aclose()


def test_where_workers_are_processes_there_is_none_inside(settings: Settings) -> None:
    settings.WORKER_IN_PROCESS = False
    assert new_worker(Bus(InMemoryChannelLayer())) is None


def test_a_full_collection_passes_over_what_was_loaded() -> None:
    loaded = len(gc.get_objects())
    try:
        spare_the_collector()
        assert gc.get_freeze_count() > loaded / 2
        assert len(gc.get_objects()) < loaded / 2
    finally:
        gc.unfreeze()
