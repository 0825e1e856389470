import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from accounts.audit.models import AuditEntry
from accounts.keyset import KeysetBusy, RotationRefused, create_keyset
from accounts.keyset.file import editing, parse, read
from accounts.keyset.keys import Key, KeyState, keys_of, primary_of
from accounts.keyset_rotation import (
    RETIRE_AFTER_S,
    created_at,
    promote,
    retire,
    rewrap,
    rotate,
)
from accounts.models import Credential
from accounts.tenancy import platform_scope
from tests.accounts.sealed_rows import (
    APPS,
    CODES,
    CREDENTIALS,
    HANDLES,
    Worker,
    assert_all_open_with,
    make_credentials,
    make_handles,
    make_second_factors,
)
from tests.cast import Cast
from tests.children import Children, child_environment
from tests.services import ROOT

LATER = 4e9  # seconds since the epoch: long after every change of a file


class Told(list[str]):
    """What a step said."""

    def __call__(self, line: str) -> None:
        self.append(line)

    def __str__(self) -> str:
        return "\n".join(self)


@pytest.fixture
def told() -> Told:
    return Told()


def keys(path: Path) -> list[Key]:
    return keys_of(parse(read(path), ""))


def states(path: Path) -> list[str]:
    return [key.state.value for key in keys(path)]


def primary(path: Path) -> int:
    return primary_of(parse(read(path), ""))


def audited() -> list[tuple[str, int]]:
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(action__startswith="keyset.").order_by("at")
        return list(entries.values_list("action", "after__key_id"))


# --- the steps --------------------------------------------------------------------------


def test_a_whole_rotation(cast: Cast, own_keyset: Path, told: Told) -> None:
    make_credentials(cast.acme.tenant, 3)
    make_second_factors(cast.acme.owner)
    old = primary(own_keyset)
    rotate(told)
    new = primary(own_keyset)
    assert keys(own_keyset) == [Key(old, KeyState.OLD), Key(new, KeyState.PRIMARY)]
    assert_all_open_with(new, {CREDENTIALS: 3, APPS: 1, CODES: 1})
    retire(told, now=LATER)
    assert states(own_keyset) == ["disabled", "primary"]
    retire(told, now=LATER, delete=True)
    assert keys(own_keyset) == [Key(new, KeyState.PRIMARY)]
    assert_all_open_with(new, {CREDENTIALS: 3, APPS: 1, CODES: 1})
    assert audited() == [
        ("keyset.add", new),
        ("keyset.promote", new),
        ("keyset.reseal", new),
        ("keyset.disable", old),
        ("keyset.delete", old),
    ]
    assert created_at(new) is not None
    assert created_at(old) is None


def test_nothing_that_is_told_or_audited_is_secret(
    cast: Cast, own_keyset: Path, told: Told
) -> None:
    make_credentials(cast.acme.tenant, 2)
    rotate(told)
    retire(told, now=LATER)
    texts = str(told) + "".join(
        f"{entry.before}{entry.after}{entry.reason}" for entry in _all_entries()
    )
    assert "canary" not in texts
    for line in own_keyset.read_text().splitlines():
        if '"value"' in line:
            assert line.split('"')[3] not in texts


def _all_entries() -> list[AuditEntry]:
    with platform_scope("test"):
        return list(AuditEntry.objects.all())


def test_rotating_again_goes_on_until_the_old_key_is_retired(
    cast: Cast, own_keyset: Path, told: Told
) -> None:
    rotate(told)
    before = own_keyset.read_bytes()
    make_credentials(cast.acme.tenant, 1)
    rotate(told)
    assert own_keyset.read_bytes() == before
    assert "under way" in str(told)
    retire(told, now=LATER)
    rotate(told)
    assert states(own_keyset) == ["disabled", "old", "primary"]


def test_copies_of_the_file_are_brought_along_step_by_step(
    cast: Cast, own_keyset: Path, told: Told
) -> None:
    make_credentials(cast.acme.tenant, 2)
    old = primary(own_keyset)
    rotate(told, add_only=True)
    assert (states(own_keyset), primary(own_keyset)) == (["primary", "waiting"], old)
    assert_all_open_with(old, {CREDENTIALS: 2})
    rotate(told, add_only=True)
    assert states(own_keyset) == ["primary", "waiting"]
    promote(told)
    assert states(own_keyset) == ["old", "primary"]
    with pytest.raises(RotationRefused, match="No key waits"):
        promote(told)
    with pytest.raises(RotationRefused, match="no key was added"):
        rotate(told, add_only=True)
    rotate(told)
    assert_all_open_with(primary(own_keyset), {CREDENTIALS: 2})
    assert states(own_keyset) == ["old", "primary"]


def test_a_key_with_rows_is_kept(cast: Cast, own_keyset: Path, told: Told) -> None:
    make_credentials(cast.acme.tenant, 2)
    rotate(told, add_only=True)
    promote(told)
    with pytest.raises(RotationRefused, match=r"\(2 rows\)") as raised:
        retire(told, now=LATER)
    assert "keyset reseal" in raised.value.fix
    assert states(own_keyset) == ["old", "primary"]


def test_a_row_that_was_saved_as_it_was_read_before_keeps_the_old_key(
    cast: Cast, own_keyset: Path, told: Told
) -> None:
    (slow,) = make_credentials(cast.acme.tenant, 1)
    rotate(told)
    with platform_scope("test"):
        slow.save()
    with pytest.raises(RotationRefused, match=r"\(1 rows\)"):
        retire(told, now=LATER)
    rotate(told)
    retire(told, now=LATER)
    assert states(own_keyset) == ["disabled", "primary"]
    assert_all_open_with(primary(own_keyset), {CREDENTIALS: 1})


def test_a_row_that_never_opens_keeps_no_key(cast: Cast, own_keyset: Path, told: Told) -> None:
    ours, theirs = make_credentials(cast.acme.tenant, 2)
    with platform_scope("test"):
        Credential.objects.filter(pk=theirs.pk).update(sealed_secret=ours.sealed_secret)
    rotate(told)
    assert "1 rows do not open" in str(told)
    retire(told, now=LATER)
    assert states(own_keyset) == ["disabled", "primary"]


def test_retiring_waits_for_slow_processes(cast: Cast, own_keyset: Path, told: Told) -> None:
    rotate(told)
    changed = own_keyset.stat().st_mtime
    with pytest.raises(RotationRefused, match="less than 15 minutes ago") as raised:
        retire(told, now=changed + RETIRE_AFTER_S - 61)
    assert "in 2 minutes" in raised.value.fix
    assert states(own_keyset) == ["old", "primary"]
    retire(told, now=changed, at_once=True)
    assert states(own_keyset) == ["disabled", "primary"]
    with pytest.raises(RotationRefused):
        retire(told, now=own_keyset.stat().st_mtime, delete=True)


def test_there_may_be_nothing_to_retire(cast: Cast, own_keyset: Path, told: Told) -> None:
    retire(told, now=0)
    retire(told, now=0, delete=True)
    assert told == ["There is no old key.", "No key is disabled."]


def test_an_outdated_copy_of_the_file_is_not_rotated(
    cast: Cast, own_keyset: Path, told: Told
) -> None:
    make_credentials(cast.acme.tenant, 1)
    own_keyset.unlink()
    create_keyset(own_keyset)
    with pytest.raises(RotationRefused, match=r"does not hold: key \d+ \(1 rows\)"):
        rotate(told)
    assert states(own_keyset) == ["primary"]
    rotate(told, ignore_missing=True)
    assert states(own_keyset) == ["old", "primary"]


def test_only_one_operator_at_a_time(cast: Cast, own_keyset: Path, told: Told) -> None:
    before = own_keyset.read_bytes()
    with editing():
        for step in (rotate, promote):
            with pytest.raises(KeysetBusy):
                step(told)
        with pytest.raises(KeysetBusy):
            retire(told, now=LATER)
    assert own_keyset.read_bytes() == before


def test_the_file_moves_into_a_service_and_out_again(
    cast: Cast, own_keyset: Path, kms_uri: str, other_kms_uri: str, settings: Settings, told: Told
) -> None:
    make_credentials(cast.acme.tenant, 1)
    key_id = primary(own_keyset)
    for before, after in (("", kms_uri), (kms_uri, other_kms_uri), (other_kms_uri, "")):
        settings.KEYSET_KMS_URI = after
        rewrap(told, from_uri=before)
        assert ("encryptedKeyset" in own_keyset.read_text()) == bool(after)
        assert_all_open_with(key_id, {CREDENTIALS: 1})


# --- while everything runs --------------------------------------------------------------


def rotate_under_work(cast: Cast, own_keyset: Path, count: int) -> None:
    """Rotate and retire while somebody works with the rows, between any two batches at least."""
    half = count // 2
    rows = make_credentials(cast.acme.tenant, half) + make_credentials(cast.globex.tenant, half)
    make_handles(cast.acme.tenant, 3)
    make_second_factors(cast.acme.owner)
    everything = {CREDENTIALS: count, HANDLES: 3, APPS: 1, CODES: 1}
    with Worker([row.pk for row in rows]) as worker:
        rotate(lambda _: worker.wait_for_work(), batch_size=20)
        # What was read before and saved after its row was re-sealed is found by the next run.
        rotate(lambda _: worker.wait_for_work())
    assert worker.failures == []
    rotate(Told())
    assert_all_open_with(primary(own_keyset), everything)
    with Worker([row.pk for row in rows]) as worker:
        retire(lambda _: worker.wait_for_work(), now=LATER)
        retire(lambda _: worker.wait_for_work(), now=LATER, delete=True)
    assert worker.failures == []
    assert states(own_keyset) == ["primary"]
    assert_all_open_with(primary(own_keyset), everything)


def test_200_rows_while_others_work(transactional_db: None, cast: Cast, own_keyset: Path) -> None:
    rotate_under_work(cast, own_keyset, 200)


@pytest.mark.full
def test_10000_rows_while_others_work(transactional_db: None, cast: Cast, own_keyset: Path) -> None:
    rotate_under_work(cast, own_keyset, 10_000)


def test_many_operators_at_once(
    transactional_db: None, cast: Cast, own_keyset: Path, told: Told
) -> None:
    make_credentials(cast.acme.tenant, 20)
    outcomes: list[str] = []

    def operate() -> None:
        try:
            rotate(told, batch_size=1)
            outcomes.append("done")
        except KeysetBusy:
            outcomes.append("busy")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=operate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 4
    assert "done" in outcomes
    assert states(own_keyset) == ["old", "primary"]
    assert_all_open_with(primary(own_keyset), {CREDENTIALS: 20})


# --- killed -----------------------------------------------------------------------------


class Kills:
    """Commands that are killed right before a step; see tests.accounts.killed."""

    def __init__(self, own_keyset: Path) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.accounts.killed"],
            cwd=ROOT,
            env=child_environment({"KEYSET_FILE": str(own_keyset), "PYTHONPATH": path}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, point: str, *command: str) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        print(point, "keyset", *command, file=self._program.stdin, flush=True)
        assert self._program.stdout.readline() == f"{-signal.SIGKILL}\n"

    def close(self) -> None:
        self._program.communicate(timeout=30)


@pytest.fixture
def kill_at(transactional_db: None, own_keyset: Path) -> Iterator[Kills]:
    kills = Kills(own_keyset)
    yield kills
    kills.close()


# Where a rotation is killed, and the states of the keys that it leaves behind.
KILLS = [
    ("rename:1", ["primary"]),  # the new key is in a file beside
    ("insert:1", ["primary", "waiting"]),  # it was added, and nobody has noted it
    ("rename:1", ["primary", "waiting"]),  # it is about to be promoted
    ("folder:1", ["old", "primary"]),  # it was, and the disk may not know yet
    ("update:1", ["old", "primary"]),  # no row is re-sealed
    ("update:77", ["old", "primary"]),  # some are
    ("insert:1", ["old", "primary"]),  # all are, and nobody has noted it
]
MORE_KILLS = [(f"update:{number}", ["old", "primary"]) for number in (2, 10, 50, 9, 60, 1)]


def rotate_with_kills(
    cast: Cast, own_keyset: Path, told: Told, kill_at: Kills, kills: list[tuple[str, list[str]]]
) -> None:
    rows = make_credentials(cast.acme.tenant, 100) + make_credentials(cast.globex.tenant, 100)
    old = primary(own_keyset)
    # The worker re-seals what it works with; the others are left for the rotation.
    with Worker([row.pk for row in rows[::20]]) as worker:
        for point, left in kills:
            kill_at(point, "rotate")
            assert states(own_keyset) == left
    assert worker.failures == []
    rotate(told)
    new = primary(own_keyset)
    assert keys(own_keyset) == [Key(old, KeyState.OLD), Key(new, KeyState.PRIMARY)]
    assert_all_open_with(new, {CREDENTIALS: 200})
    assert not own_keyset.with_name("keyset.json.new").exists()


def test_killed_at_every_step(cast: Cast, own_keyset: Path, told: Told, kill_at: Kills) -> None:
    rotate_with_kills(cast, own_keyset, told, kill_at, KILLS)


@pytest.mark.full
def test_killed_more_often(cast: Cast, own_keyset: Path, told: Told, kill_at: Kills) -> None:
    rotate_with_kills(cast, own_keyset, told, kill_at, KILLS[:5] + MORE_KILLS + KILLS[-1:])


def test_retiring_killed_at_every_step(
    cast: Cast, own_keyset: Path, told: Told, kill_at: Kills
) -> None:
    make_credentials(cast.acme.tenant, 20)
    rotate(told)
    new = primary(own_keyset)
    for point, options, left in (
        ("rename:1", [], ["old", "primary"]),
        ("folder:1", [], ["disabled", "primary"]),
        ("rename:1", ["--delete"], ["disabled", "primary"]),
        ("folder:1", ["--delete"], ["primary"]),
    ):
        kill_at(point, "retire", "--at-once", *options)
        assert states(own_keyset) == left
    retire(told, now=LATER, delete=True)
    assert keys(own_keyset) == [Key(new, KeyState.PRIMARY)]
    assert_all_open_with(new, {CREDENTIALS: 20})


# --- SQLite -----------------------------------------------------------------------------

FILL = """
from accounts.models import Tenant
from tests.accounts.sealed_rows import make_credentials, make_handles
tenant = Tenant.objects.create(slug="acme", name="Acme")
make_credentials(tenant, 40)
make_handles(tenant, 2)
"""


@pytest.mark.full
def test_on_sqlite(db: None, own_keyset: Path, tmp_path: Path, spawn: Children) -> None:
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'parley.sqlite3'}",
        "KEYSET_FILE": str(own_keyset),
    }

    def run(*command: str) -> str:
        child = spawn(*command, env=environment)
        assert child.wait(120) == 0, child.output
        return child.output

    run("migrate")
    run("shell", "--command", FILL)
    old = primary(own_keyset)
    assert "Re-sealed 42 rows" in run("keyset", "rotate", "--batch-size", "10")
    assert f"Key {old} is disabled." in run("keyset", "retire", "--at-once")
    assert f"key {primary(own_keyset)}: primary, created 20" in run("keyset", "status")
