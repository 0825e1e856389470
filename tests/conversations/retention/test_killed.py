"""Killed between any two statements, erasing leaves nothing half done, and goes on."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.callers import Caller
from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from conversations.models import Conversation, Erasure
from conversations.recordings.deleting import sweep_recordings
from conversations.retention.due import Policy, save_policy
from conversations.retention.people import ask_to_erase
from conversations.retention.person import Person
from tests.cast import Cast
from tests.children import child_environment
from tests.conversations.retention.kept import audited, flacs, full_talk, rows_of
from tests.conversations.talks import make_agent
from tests.services import ROOT

pytestmark = pytest.mark.usefixtures("transactional_db")
ALL = {"Turn", "Note", "ToolCall"}


def run(files: Path, number: int, what: str, row_id: object) -> int:
    """Returns the exit status, or how many statements it took."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.conversations.retention.killed",
            str(number),
            what,
            str(row_id),
        ],
        cwd=ROOT,
        env=child_environment({"STORAGE_URL": str(files), "PYTHONPATH": path}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode or int(done.stdout)


def whole_or_gone(talks: list[Conversation]) -> list[bool]:
    """Of each whether its words are there. They are all there, or none of them."""
    left = [ALL & rows_of(talk).keys() for talk in talks]
    assert all(each in (ALL, set()) for each in left), left
    return [bool(each) for each in left]


def no_row_promises_a_lost_file(tenant: Tenant, files: Path, talks: list[Conversation]) -> None:
    named = sum(rows_of(talk).get("Recording", 0) for talk in talks)
    assert flacs(files) >= named


def test_what_is_due(cast: Cast, files: Path) -> None:
    acme = cast.acme.tenant
    agent = make_agent(acme)
    talks = [full_talk(agent, None, days_ago=10) for _ in range(3)]
    with tenant_scope(acme.pk):
        save_policy(acme.pk, Policy(1, 1, 1), actor="system")
    seen = []
    for number in (14, 24):
        assert run(files, number, "due", acme.pk) == -signal.SIGKILL
        seen.append(whole_or_gone(talks).count(False))
        no_row_promises_a_lost_file(acme, files, talks)
    assert seen[0] < seen[1] or seen[1] > 0
    assert run(files, 0, "due", acme.pk) > 10
    assert whole_or_gone(talks) == [False] * 3
    batches = audited(acme, "retention.erased")
    texts = [entry for entry in batches if entry.after and entry.after["kind"] == "text"]
    # Each batch was counted once, whoever was killed when.
    assert [entry.after and entry.after["turns"] for entry in texts] == [2, 2, 2]
    sweep_recordings(timezone.now() + timedelta(days=2))
    assert flacs(files) == 0


def test_a_person(cast: Cast, files: Path) -> None:
    acme = cast.acme.tenant
    agent = make_agent(acme)
    talks = [full_talk(agent, None, end_user="c-1") for _ in range(3)]
    with tenant_scope(acme.pk):
        erasure = ask_to_erase(
            Person(end_user="c-1"), by=Caller(acme.pk, api_key_id=acme.pk), now=timezone.now()
        )
    for number in (30, 45):
        assert run(files, number, "person", erasure.pk) == -signal.SIGKILL
        no_row_promises_a_lost_file(acme, files, talks)
        with tenant_scope(acme.pk):
            # Let go of the lease: whoever had it is dead.
            Erasure.objects.update(lease_until=timezone.now())
    assert run(files, 0, "person", erasure.pk) > 0
    with tenant_scope(acme.pk):
        done = Erasure.objects.get(pk=erasure.pk)
        assert not Conversation.objects.exclude(end_user="").exists()
    assert (done.state, done.counts["conversations"], done.counts["turns"]) == ("done", 3, 3)
    assert len(audited(acme, "person.erased")) == 1
