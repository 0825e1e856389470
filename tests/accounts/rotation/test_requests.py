import pytest

from accounts.models import Credential
from accounts.rotation.progress import Demand, State
from accounts.rotation.requests import RotationRefused, can_be_rotated, open_rotation_of
from accounts.tenancy import tenant_scope
from tests.accounts.admin.desk import store
from tests.accounts.rotation.bench import NOW, Bench
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def refusal(bench: Bench, credential: Credential) -> str:
    with pytest.raises(RotationRefused) as caught:
        bench.request(credential)
    assert caught.value.fix
    return str(caught.value)


def test_a_request_is_a_row_that_is_due(bench: Bench) -> None:
    credential = bench.credential(is_primary=True)
    assert can_be_rotated(credential)
    rotation = bench.request(credential, by_itself=False)
    assert (rotation.state, rotation.due_at, rotation.by_itself) == (State.REQUESTED, NOW, False)
    assert (rotation.was_primary, rotation.old_key) == (True, credential.key_id)
    with tenant_scope(bench.tenant.pk):
        assert open_rotation_of(credential) == rotation
    assert bench.audited() == ["rotation.requested"]
    assert "already" in refusal(bench, credential)


def test_what_cannot_be_rotated(bench: Bench) -> None:
    assert "Only the key of a service account" in refusal(bench, store(bench.tenant))
    assert "revoked" in refusal(bench, bench.credential(state="revoked"))
    assert "pending" in refusal(bench, bench.credential(state="pending"))


def twin_of(row: Credential, **fields: object) -> Credential:
    """Another credential with the same key."""
    twin = Credential.objects.get(pk=row.pk)
    twin.pk, twin.is_primary = None, False
    twin._state.adding = True
    for name, value in fields.items():
        setattr(twin, name, value)
    twin.id = Credential().id
    twin.save()
    return twin


def test_a_key_that_two_credentials_have_is_not_deleted(bench: Bench, cast: Cast) -> None:
    row = bench.credential()
    with tenant_scope(bench.tenant.pk):
        twin = twin_of(row, state="failing")
    assert "the same key" in refusal(bench, row)
    with tenant_scope(bench.tenant.pk):
        twin.state = "revoked"
        twin.save()
    bench.request(row)


@pytest.mark.parametrize(("state", "counts"), [("active", True), ("failing", False)])
def test_another_tenants_claim_on_a_key_has_to_be_shown_to_work(
    bench: Bench, cast: Cast, state: str, counts: bool
) -> None:
    row = bench.credential()
    hers = Bench(cast.globex.tenant, bench.simulator, made=bench.made).credential(state=state)
    with tenant_scope(cast.globex.tenant.pk):
        same = Credential.objects.filter(pk=hers.pk)
        same.update(client_email=row.client_email, key_id=row.key_id)
    if counts:
        assert "the same key" in refusal(bench, row)
    else:
        bench.request(row)


def test_a_demand_is_noted_for_who_drives(bench: Bench) -> None:
    rotation = bench.request(bench.credential())
    assert not bench.demand(rotation, Demand.RETIRE), "there is nothing to retire yet"
    assert bench.demand(rotation, Demand.ROLL_BACK)
    assert bench.read(rotation).demand == Demand.ROLL_BACK
    rotation = bench.advance(rotation)
    assert (rotation.state, rotation.demand) == (State.ROLLED_BACK, "")
    assert list(bench.keys(rotation)) == [rotation.old_key]
    assert not bench.demand(rotation, Demand.ROLL_BACK), "it has ended"
