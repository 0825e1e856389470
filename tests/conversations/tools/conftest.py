from collections.abc import Iterator

import pytest

from tests.conversations.tools.mcp.peer import Peer, open_peer
from tests.conversations.tools.shop import Shop, open_shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as opened:
        yield opened


@pytest.fixture
def peer() -> Iterator[Peer]:
    with open_peer() as opened:
        yield opened
