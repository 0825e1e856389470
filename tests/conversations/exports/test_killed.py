"""A real Celery worker is killed while it makes an export, again and again; it ends whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import redis
from django.core.files.storage import default_storage
from django.db import connection
from kombu import Connection

from accounts.tenancy import platform_scope, tenant_scope
from config.celery import app
from conversations.exports.jobs import make_export
from conversations.models import Conversation, Export, ExportPart, Turn
from conversations.states import ConversationState
from tests.cast import Cast, Company
from tests.children import child_environment
from tests.conversations.exports.exported import asked, files_of, parts_of, stored
from tests.conversations.talks import make_agent
from tests.services import ROOT

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("transactional_db")]

BROKER_DATABASE = 9
PATIENCE_S = 60
SEED = 20261123


def say_much(company: Company, talks: int, turns: int) -> None:
    agent = make_agent(company.tenant)
    with tenant_scope(company.tenant.pk):
        rows = Conversation.objects.bulk_create(
            Conversation(agent=agent, state=ConversationState.ENDED, user=company.member)
            for _ in range(talks)
        )
        Turn.objects.bulk_create(
            Turn(
                conversation=row,
                epoch=1,
                first_seq=number,
                last_seq=number,
                speaker="user",
                state="final",
                text=f"Number {number}, and some more words",
                start_ms=number,
            )
            for row in rows
            for number in range(turns)
        )


class Crew:
    """Celery workers, one after another, and the messages to them."""

    def __init__(self, files: Path, part_bytes: int) -> None:
        self._broker = os.environ["REDIS_URL"].rpartition("/")[0] + f"/{BROKER_DATABASE}"
        paths = os.pathsep.join((str(ROOT), str(ROOT / "platform")))
        environment = child_environment(
            {
                "PYTHONPATH": paths,
                "CELERY_BROKER_URL": self._broker,
                "STORAGE_URL": f"file://{files}",
                "EXPORT_PART_BYTES": str(part_bytes),
            }
        )
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.conversations.exports.crew"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._pid = 0

    def begin(self) -> None:
        self._pid = self._ask("begin")

    def kill(self) -> None:
        pid, self._pid = self._pid, 0
        assert self._ask(f"kill {pid}") == -signal.SIGKILL

    def close(self) -> None:
        if self._pid:
            self.kill()
        self._program.communicate(timeout=PATIENCE_S)

    def _ask(self, wish: str) -> int:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(wish, file=self._program.stdin, flush=True)
        return int(self._program.stdout.readline())

    def send(self, export: Export) -> None:
        """Twice, as a broker may. What is left of the one that was killed is over."""
        with platform_scope("test"):
            Export.objects.filter(pk=export.pk).update(lease_until=export.asked_at)
        with Connection(self._broker) as there:
            for _ in range(2):
                app.send_task(make_export.name, [str(export.pk)], connection=there)

    def left(self) -> int:
        """How many messages nobody has taken."""
        with redis.Redis.from_url(self._broker) as client:
            return int(client.llen(app.conf.task_default_queue))


@pytest.fixture
def crew(files: Path) -> Iterator[Crew]:
    workers = Crew(files, 1000)
    yield workers
    workers.close()


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)  # between two looks


def part_count(export: Export) -> int:
    with tenant_scope(export.tenant_id):
        return ExportPart.objects.filter(export=export).count()


def killed_and_killed(cast: Cast, crew: Crew, times: int, expected_parts: int) -> None:
    """Kill it at random moments, so that it never gets on by more than a share at once."""
    moments = random.Random(SEED)
    export = asked(cast.acme.tenant)
    share = expected_parts // (times + 2)
    reached = []
    for _ in range(times):
        crew.begin()
        crew.send(export)
        goal = part_count(export) + moments.randint(1, share)
        wait_for(partial(has_parts, export, goal))
        crew.kill()
        reached.append(part_count(export))
        assert stored(export).state == Export.State.RUNNING
    assert reached == sorted(set(reached)), "it goes on from its last whole part"
    crew.begin()
    crew.send(export)
    wait_for(lambda: not stored(export).is_open and not parts_of(export) and not crew.left())
    check_whole(export)


def has_parts(export: Export, count: int) -> bool:
    return part_count(export) >= count


def check_whole(export: Export) -> None:
    ready = stored(export)
    assert ready.state == Export.State.READY
    with default_storage.open(ready.file) as file:
        data = file.read()
    assert hashlib.sha256(data).hexdigest() == ready.sha256
    with tenant_scope(ready.tenant_id):
        said = list(
            Turn.objects.order_by("conversation_id", "first_seq").values_list(
                "conversation_id", "first_seq"
            )
        )
    lines = [json.loads(line) for line in gzip.decompress(data).decode().splitlines()]
    turns = [(line["conversation"], line["turn"]) for line in lines if line["type"] == "turn"]
    assert turns == [(str(talk), f"1.{seq}") for talk, seq in said], "each once, in order"
    assert ready.turns_done == len(said)
    assert files_of(export) == [ready.file]


def test_killed_twice_it_ends_as_one_whole_file(cast: Cast, crew: Crew) -> None:
    say_much(cast.acme, 12, 60)
    killed_and_killed(cast, crew, 2, 150)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_killed_twenty_times(cast: Cast, crew: Crew) -> None:
    say_much(cast.acme, 100, 60)
    killed_and_killed(cast, crew, 20, 1100)


# --- A million turns ------------------------------------------------------------------------

MEASURED = r"""
import re, sys
import django
django.setup()
from uuid import UUID
from django.utils import timezone
from conversations.exports.jobs import make
assert make(UUID(sys.argv[1]), clock=timezone.now)
# Not `ru_maxrss`: that one begins with what the parent had.
print(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
"""


def memory_of(export: Export, files: Path) -> int:
    """How much memory, in KiB, a process takes at most that makes an export. Linux tells it."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "platform")))
    settings = {"PYTHONPATH": paths, "STORAGE_URL": f"file://{files}"}
    environment = child_environment(
        {**settings, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
    )
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(export.pk)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def multiply_turns(tenant_id: UUID, number: int) -> None:
    """Add that many turns to each conversation, in the database itself. They are partial: words
    are made findable once a turn is whole, and that would take most of the time."""
    columns = "tenant_id, conversation_id, epoch, speaker, text, ref, start_ms"
    with platform_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO conversations_turn (id, first_seq, last_seq, state, {columns}) "  # noqa: S608
            f"SELECT gen_random_uuid(), n, n, 'partial', {columns} FROM conversations_turn, "
            "generate_series(%s, %s) AS n WHERE first_seq = 0 AND tenant_id = %s",
            [100, 100 + number - 1, tenant_id],
        )


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_million_turns_take_no_more_memory(cast: Cast, files: Path) -> None:
    say_much(cast.acme, 100, 1)
    few = memory_of(asked(cast.acme.tenant, "csv"), files)
    multiply_turns(cast.acme.tenant.pk, 10_000)
    export = asked(cast.acme.tenant, "csv")
    many = memory_of(export, files)
    ready = stored(export)
    sys.stdout.write(f"memory: {few} KiB for 100 turns, {many} KiB for {ready.turns_done}\n")
    assert ready.turns_done == 1_000_100
    assert many < few + 60_000, "pages and one part, and no more"
    digest = hashlib.sha256()
    with default_storage.open(ready.file) as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    assert digest.hexdigest() == ready.sha256
