"""The Celery app finds its settings, its tasks and its schedule."""

import importlib
from pathlib import Path

from config.celery import app, make_broker_folders


def test_the_project_carries_the_app() -> None:
    assert importlib.import_module("config").celery_app is app


def test_every_scheduled_task_exists() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert scheduled
    assert scheduled <= set(app.tasks)


def test_settings_come_from_django() -> None:
    assert app.conf.task_acks_late
    # A task that runs must not be handed out a second time.
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit


def test_makes_the_folders_of_the_filesystem_broker(tmp_path: Path) -> None:
    options = {
        "data_folder_in": str(tmp_path / "broker" / "messages"),
        "data_folder_out": str(tmp_path / "broker" / "messages"),
        "control_folder": str(tmp_path / "broker" / "control"),
    }
    make_broker_folders(options)
    make_broker_folders(options)
    assert all(Path(folder).is_dir() for folder in options.values())


def test_another_broker_needs_none() -> None:
    make_broker_folders({"visibility_timeout": 3600})
