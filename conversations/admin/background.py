"""Celery's queue as an operator may see it, and which version runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amqp import ChannelError
from celery import Celery, current_app
from django.conf import settings
from kombu.exceptions import OperationalError

# The page does not wait longer for a broker that does not answer.
ANSWER_S = 2.0
# A worker takes what comes within seconds: so many that wait say that none does.
MANY = 100


@dataclass(frozen=True, slots=True)
class Background:
    """`ok` is False when nobody seems to do the tasks."""

    ok: bool
    text: str
    version: str


def background(app: Celery = current_app) -> Background:
    """How many of an application's tasks wait for a Celery worker, and what version runs."""
    waiting = tasks_waiting(app)
    if waiting is None:
        text = "The broker does not answer: rotations, letters and archives wait."
    elif waiting > MANY:
        text = f"{waiting:,} tasks wait. Is a Celery worker running?"
    else:
        text = f"{waiting:,} {'task waits' if waiting == 1 else 'tasks wait'}."
    return Background(waiting is not None and waiting <= MANY, text, settings.VERSION)


def tasks_waiting(app: Celery) -> int | None:
    """How many tasks nobody has taken yet; None when the broker does not answer."""
    queue = app.conf.task_default_queue
    impatient = {
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": ANSWER_S,
        "max_retries": 1,
        "interval_start": 0,
    }
    options = {**app.conf.broker_transport_options, **impatient}
    try:
        with app.connection_for_read(transport_options=options) as connection:
            channel: Any = connection.default_channel
            declared = channel.queue_declare(queue=queue, passive=True)
            return int(declared.message_count)
    except ChannelError:
        return 0  # nobody has sent one yet, so there is no queue
    except OperationalError:
        return None
