"""A storage of the test's own, a tenant with something in every table, and a clock."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.accounts.leaving.stage import Clock, furnish
from tests.cast import Cast


@pytest.fixture
def own_storage(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "files"
    default = settings.STORAGES["default"]
    options = default["OPTIONS"] | {"location": str(folder)}
    settings.STORAGES = settings.STORAGES | {"default": default | {"OPTIONS": options}}
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC))


@pytest.fixture
def furnished(cast: Cast, own_storage: Path, keyset_file: Path) -> str:
    """Both tenants have something everywhere. Returns the token of acme's invitation."""
    furnish(cast.globex)
    return furnish(cast.acme)
