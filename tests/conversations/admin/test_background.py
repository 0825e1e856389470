"""Celery's queue on the operator's first page, with a real broker."""

import os
import uuid

import pytest
from celery import Celery
from kombu import Connection

from conversations.admin.background import MANY, background, tasks_waiting
from tests.services.redis import free_port


@pytest.fixture
def app() -> Celery:
    """An application with a queue of its own at the real Redis."""
    made = Celery("test", broker=os.environ["REDIS_URL"], set_as_current=False)
    made.conf.task_default_queue = f"test-{uuid.uuid4().hex}"
    return made


def put(app: Celery, count: int) -> None:
    with Connection(os.environ["REDIS_URL"]) as connection:
        waiting = connection.SimpleQueue(app.conf.task_default_queue)
        for number in range(count):
            waiting.put(number)
        waiting.close()


def test_what_waits_is_counted(app: Celery) -> None:
    assert tasks_waiting(app) == 0
    put(app, 3)
    assert tasks_waiting(app) == 3
    shown = background(app)
    assert shown.ok
    assert shown.text == "3 tasks wait."
    assert shown.version[0].isdigit()


def test_many_say_that_nobody_works(app: Celery) -> None:
    put(app, MANY + 1)
    shown = background(app)
    assert not shown.ok
    assert "Is a Celery worker running?" in shown.text


def test_a_broker_that_is_gone() -> None:
    gone = Celery("test", broker=f"redis://127.0.0.1:{free_port()}/0", set_as_current=False)
    assert tasks_waiting(gone) is None
    assert "does not answer" in background(gone).text
