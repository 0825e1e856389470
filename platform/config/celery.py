"""The Celery application: `celery -A config worker` and `celery -A config beat`."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def make_broker_folders(options: dict[str, Any]) -> None:
    """Create the folders of the `filesystem://` broker, which does not do so itself."""
    for name in ("data_folder_in", "data_folder_out", "control_folder"):
        if folder := options.get(name):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)


@celeryd_init.connect
@beat_init.connect
def prepare_broker(**_: object) -> None:
    make_broker_folders(app.conf.broker_transport_options)
