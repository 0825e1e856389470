from datetime import timedelta

import pytest

from accounts.models import AuditEntry, Credential
from accounts.rotation import acts
from accounts.rotation.driving import CLAIM_TERM, advance, advance_all
from accounts.rotation.progress import Demand, Failed, Problem, State
from accounts.rotation.states import MOST_KEYS
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.rotation.bench import Bench, sessions

pytestmark = pytest.mark.django_db


def test_a_whole_rotation(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    old = bench.credential(is_primary=True, rotate_every_days=30)
    rotation = bench.advance(bench.request(old))
    assert rotation.state == State.DISABLED
    new = rotation.new
    assert new is not None
    assert rotation.old is not None
    assert (rotation.old.state, new.state) == ("retiring", "active")
    assert (rotation.old.is_primary, new.is_primary) == (False, True)
    assert bench.primary() == new
    assert bench.keys(rotation) == {old.key_id: True, new.key_id: False}
    assert new.verification is not None
    assert new.verification["ok"]
    assert new.rotation_due_at == bench.now + timedelta(days=30)

    rotation = bench.advance(rotation, minutes=30)
    assert rotation.state == State.DISABLED
    rotation = bench.advance(rotation, minutes=31)
    assert rotation.state == State.DONE
    assert rotation.ended_at == bench.now
    assert bench.keys(rotation) == {new.key_id: False}
    gone = rotation.old
    assert gone is not None
    assert (gone.state, bytes(gone.sealed_secret)) == ("revoked", b"")
    assert bench.audited() == [
        f"rotation.{state}"
        for state in ("requested prepared created verified retiring disabled deleting done".split())
    ]
    assert [step["state"] for step in rotation.steps] == [
        each.removeprefix("rotation.") for each in bench.audited()
    ]
    with platform_scope("test"):
        entries = str(list(AuditEntry.objects.values("before", "after")))
    for text in (entries, caplog.text, str(vars(rotation))):
        assert "PRIVATE" not in text


def test_the_old_key_is_kept_for_the_sessions_on_it(bench: Bench) -> None:
    old = bench.credential(is_primary=True)
    running = {old.pk: 2}
    with sessions(running):
        rotation = bench.advance(bench.request(old))
        assert rotation.state == State.RETIRING
        assert bench.advance(rotation, hours=3).state == State.RETIRING
        running.clear()
        rotation = bench.advance(rotation, minutes=1)
    assert rotation.state == State.DISABLED


def test_rolled_back_after_the_old_key_was_disabled(bench: Bench) -> None:
    old = bench.credential(is_primary=True)
    rotation = bench.advance(bench.request(old))
    new = rotation.new
    assert new is not None
    with sessions({new.pk: 1}):
        assert bench.demand(rotation, Demand.ROLL_BACK)
        rotation = bench.advance(rotation)
        rotation = bench.advance(rotation, seconds=10)
        assert rotation.state == State.ROLLING_BACK
        assert bench.primary() == old
        assert bench.keys(rotation) == {old.key_id: False, new.key_id: False}
    rotation = bench.advance(rotation, minutes=1)
    assert rotation.state == State.ROLLED_BACK
    assert bench.keys(rotation) == {old.key_id: False}
    with tenant_scope(bench.tenant.pk):
        assert Credential.objects.get(pk=old.pk).state == "active"
        undone = Credential.objects.get(pk=new.pk)
    assert (undone.state, undone.is_primary, bytes(undone.sealed_secret)) == (
        "revoked",
        False,
        b"",
    )
    with platform_scope("test"):
        by = AuditEntry.objects.get(action="rotation.rolling-back").actor
    assert by == "user:somebody"


def test_a_standby_stays_one(bench: Bench) -> None:
    primary = bench.credential(is_primary=True)
    rotation = bench.advance(bench.request(bench.credential()))
    assert rotation.state == State.DISABLED
    assert bench.primary() == primary
    assert bench.advance(rotation, minutes=61).state == State.DONE


def test_an_account_that_is_full(bench: Bench) -> None:
    old = bench.credential(is_primary=True)
    for number in range(MOST_KEYS - 1):
        bench.add_key(old, f"k{number}")
    rotation = bench.advance(bench.request(old))
    assert rotation.state == State.ROLLED_BACK
    assert bench.problem(rotation) == "key_limit"
    assert len(bench.keys(rotation)) == MOST_KEYS
    assert rotation.new is None


def test_a_person_makes_keys_at_the_same_time(bench: Bench) -> None:
    old = bench.credential(is_primary=True)
    rotation = bench.request(old, by_itself=False)
    bench.add_key(old, "before")
    rotation = bench.advance(rotation)
    assert rotation.state == State.VERIFIED
    bench.add_key(old, "after")
    bench.demand(rotation, Demand.PROMOTE)
    rotation = bench.advance(rotation)
    rotation = bench.advance(rotation, minutes=61)
    assert rotation.state == State.DONE
    assert bench.keys(rotation).keys() == {"before", "after", rotation.new_key}


def test_another_secret_for_the_old_row_is_kept(bench: Bench) -> None:
    old = bench.credential(is_primary=True)
    with sessions({old.pk: 1}):
        rotation = bench.advance(bench.request(old))
    bench.enter_another_secret(old)
    rotation = bench.advance(rotation, minutes=1)
    rotation = bench.advance(rotation, minutes=61)
    assert rotation.state == State.DONE
    with tenant_scope(bench.tenant.pk):
        assert Credential.objects.get(pk=old.pk).sealed_secret != b""


def test_a_driver_that_comes_back_late_stores_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = bench.request(bench.credential(is_primary=True))
    real = acts.Hands.perform
    late: list[str] = []

    def slow(hands: acts.Hands, ask: object) -> object:
        answer = real(hands, ask)  # type: ignore[arg-type]
        if ask.act == "upload" and not late:  # type: ignore[attr-defined]
            late.append("once")
            bench.now += CLAIM_TERM
            advance(rotation.pk, bench.clock)  # another driver, once the claim has ended
        return answer

    monkeypatch.setattr(acts.Hands, "perform", slow)
    found = bench.advance(rotation)
    assert late
    assert found.state == State.DISABLED
    assert found.epoch == 2
    found = bench.advance(found, minutes=61)
    assert found.state == State.DONE
    assert list(bench.keys(found)) == [found.new_key]


def test_what_google_does_not_answer_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = bench.request(bench.credential(is_primary=True))
    down = Failed(Problem("unreachable", "Not reached.", "Check."), permanent=False)
    with monkeypatch.context() as patched:
        patched.setattr(acts.Hands, "perform", lambda hands, ask: down)
        rotation = bench.advance(rotation)
    assert (rotation.state, rotation.tries) == (State.REQUESTED, 1)
    assert bench.problem(rotation) == "unreachable"
    assert rotation.claimed_until is None
    assert not advance(rotation.pk, bench.clock), "it is not due"
    assert bench.demand(rotation, Demand.TRY_AGAIN)
    rotation = bench.advance(rotation)
    assert rotation.state == State.DISABLED
    assert rotation.problem is None


def test_a_fault_of_ours_stops_no_other_rotation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("accounts.rotation.driving.advance", broken)
    monkeypatch.setattr("accounts.rotation.driving.connections", _NoConnections())
    bench.request(bench.credential())
    assert advance_all(bench.clock) == 0
    assert "could not be driven" in caplog.text
    assert advance_all(bench.clock, budget_s=0) == 0


class _NoConnections:
    def close_all(self) -> None:
        """The thread has used none."""
