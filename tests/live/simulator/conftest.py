"""Service accounts cost 0.1 s each: the tests share one."""

import pytest

from live.simulator.iam import ServiceAccounts
from tests.live.simulator.clock import Clock


@pytest.fixture(scope="session")
def service_account() -> dict[str, str]:
    """A JSON key file; service accounts know it after `trust`."""
    return ServiceAccounts(Clock()).create("tests", "http://127.0.0.1:1/token")
