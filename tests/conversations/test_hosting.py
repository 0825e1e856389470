import gc

import pytest
from channels.layers import InMemoryChannelLayer
from pytest_django.fixtures import Settings

from conversations.bus import Bus
from conversations.hosting import (
    BadAddress,
    new_worker,
    spare_the_collector,
    worker_options,
)


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
