from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from conversations.models import WebhookEndpoint
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.tools.shop import HOST, Shop, open_shop
from tests.conversations.webhooks.rows import allow_host, make_endpoint


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Shop]:
    """A real server on this machine, which an operator lets organisations ask."""
    settings.TOOL_PRIVATE_HOSTS = [HOST, "localhost"]
    with open_shop() as opened:
        yield opened


@pytest.fixture
def endpoint(cast: Cast, receiver: Shop) -> WebhookEndpoint:
    allow_host(cast.acme.tenant, HOST)
    return make_endpoint(cast.acme.tenant, receiver.url)


@pytest.fixture
def clock() -> Clock:
    """A little ahead: what is written meanwhile is due at once."""
    return Clock(datetime.now(UTC) + timedelta(seconds=5))
