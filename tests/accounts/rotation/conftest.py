from collections.abc import Iterator

import pytest

from tests.accounts.admin.desk import simulator_in_thread
from tests.accounts.rotation.bench import Bench
from tests.cast import Cast


@pytest.fixture
def bench(cast: Cast, keyset_file: object) -> Iterator[Bench]:
    with simulator_in_thread() as simulator:
        yield Bench(cast.acme.tenant, simulator)
