"""Service accounts cost 0.1 s each: the tests share one."""

import pytest

from live.simulator.oauth import TokenEndpoint
from tests.live.simulator.clock import Clock


@pytest.fixture(scope="session")
def service_account() -> dict[str, str]:
    """A JSON key file; an endpoint accepts it after `trust`."""
    return TokenEndpoint(Clock()).create_service_account("tests", "http://127.0.0.1:1/token")
