import pytest

from tests.accounts.admin.walk import Rows, furnish
from tests.cast import Cast


@pytest.fixture
def rows(cast: Cast, keyset_file: object) -> dict[str, Rows]:
    return {"own": furnish(cast.acme), "other": furnish(cast.globex)}
