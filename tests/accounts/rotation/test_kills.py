"""`kill -9` of who drives rotations: the next one takes them up, and no key is left behind."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.models import Credential, CredentialRotation
from accounts.rotation.driving import CLAIM_TERM
from accounts.rotation.progress import State
from accounts.rotation.states import GRACE, SETTLE
from accounts.tenancy import tenant_scope
from tests.accounts.rotation.bench import Bench
from tests.children import child_environment
from tests.services import ROOT

pytestmark = pytest.mark.timeout(180)


class Drivers:
    """Runs of the task, each a process; see tests.accounts.rotation.killed."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
        self._later = 0.0
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.accounts.rotation.killed"],
            cwd=ROOT,
            env=child_environment({"PYTHONPATH": path}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, point: str, *, later: float = 0.0) -> int:
        """Run once, after the clock was put forward."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._later += later
        print(point, self._later, file=self._program.stdin, flush=True)
        return int(self._program.stdout.readline())

    def close(self) -> None:
        self._program.communicate(timeout=30)


@pytest.fixture
def drive(transactional_db: None, keyset_file: object) -> Iterator[Drivers]:
    drivers = Drivers()
    yield drivers
    drivers.close()


# Each run is killed; the points are counted over all rotations that it drives at once.


def points(count: int, most: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [f"{chance.choice(('answer', 'store'))}:{chance.randint(1, most)}" for _ in range(count)]


def rotate_with_kills(bench: Bench, drive: Drivers, count: int, kills: list[str]) -> None:
    bench.now = timezone.now()
    old = [bench.credential(name=f"key {number}") for number in range(count)]
    rotations = [bench.request(each) for each in old]
    after_a_kill = (CLAIM_TERM + SETTLE).total_seconds()
    killed = sum(drive(point, later=after_a_kill) == -signal.SIGKILL for point in kills)
    assert killed == len(kills)
    for later in (after_a_kill, after_a_kill, GRACE.total_seconds(), after_a_kill):
        assert drive("none", later=later) == 0
    assert_all_done(bench, rotations)


def assert_all_done(bench: Bench, rotations: list[CredentialRotation]) -> None:
    found = [bench.read(each) for each in rotations]
    assert {each.state for each in found} == {State.DONE}
    for each in found:
        assert bench.keys(each) == {each.new_key: False}, "one key, and it works"
    with tenant_scope(bench.tenant.pk):
        active = Credential.objects.filter(state=Credential.State.ACTIVE)
        assert {row.key_id for row in active} == {each.new_key for each in found}
        assert all(bytes(row.sealed_secret) for row in active)
        gone = Credential.objects.exclude(state=Credential.State.ACTIVE)
        assert {bytes(row.sealed_secret) for row in gone} == {b""}


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random(bench: Bench, drive: Drivers, seed: int) -> None:
    # Early points: what one run got done, the next one cannot be killed at.
    rotate_with_kills(bench, drive, 12, points(5, 6, seed))


def test_killed_while_five_rotate(bench: Bench, drive: Drivers) -> None:
    rotate_with_kills(bench, drive, 5, ["answer:8"])
