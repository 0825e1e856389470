"""A storage of the test's own."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from config.settings import storage


@pytest.fixture(autouse=True)
def files(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    settings.STORAGES = settings.STORAGES | {"default": storage(f"file://{folder}")}
    return folder
