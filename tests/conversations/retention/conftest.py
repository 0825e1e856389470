"""A storage of the test's own, and a clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from config.settings import storage
from tests.accounts.leaving.stage import Clock


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    settings.STORAGES = settings.STORAGES | {"default": storage(f"file://{folder}")}
    return folder


@pytest.fixture
def clock() -> Clock:
    """A little ahead: what is asked for meanwhile may be taken at once."""
    return Clock(datetime.now(UTC) + timedelta(seconds=30))
