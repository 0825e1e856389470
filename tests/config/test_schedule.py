import pytest

from config.celery import app
from config.schedule import ENTRIES


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_names_a_task_that_there_is(name: str) -> None:
    app.loader.import_default_modules()
    assert ENTRIES[name]["task"] in app.tasks


def test_what_comes_every_few_seconds_does_not_pile_up() -> None:
    """Where no worker is up for a while, one of each kind is enough when it is back."""
    for entry in ENTRIES.values():
        every = entry["schedule"]
        if isinstance(every, float) and every < 20:
            assert entry["options"]["expires"] <= every
