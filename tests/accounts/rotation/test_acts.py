import pytest

from accounts.models import CredentialRotation
from accounts.rotation.acts import hands_for
from accounts.rotation.progress import Act, Answer, Ask, Failed, Listed, State, Succeeded, Uploaded
from accounts.tenancy import tenant_scope
from tests.accounts.rotation.bench import Bench

pytestmark = pytest.mark.django_db


def perform(bench: Bench, rotation: CredentialRotation, act: Act, key_id: str = "") -> Answer:
    with tenant_scope(bench.tenant.pk):
        hands = hands_for(rotation, rotation.old, rotation.new)
    return hands.perform(Ask(act, key_id))


def test_what_is_asked_of_google(bench: Bench) -> None:
    rotation = bench.advance(bench.request(bench.credential(), by_itself=False))
    assert rotation.state == State.VERIFIED
    listed = perform(bench, rotation, Act.LIST)
    assert isinstance(listed, Listed)
    assert {key.key_id: key.ours for key in listed.keys} == {
        rotation.old_key: False,
        rotation.new_key: True,
    }
    again = perform(bench, rotation, Act.UPLOAD)
    assert isinstance(again, Uploaded)
    listed = perform(bench, rotation, Act.LIST)
    assert isinstance(listed, Listed)
    assert sum(key.ours for key in listed.keys) == 2, "found by its public half"
    assert perform(bench, rotation, Act.TRY) == Succeeded()
    for act in (Act.DISABLE, Act.ENABLE, Act.DELETE):
        assert perform(bench, rotation, act, again.key_id) == Succeeded()
    gone = perform(bench, rotation, Act.DELETE, again.key_id)
    assert isinstance(gone, Failed)
    assert (gone.problem.code, gone.permanent) == ("key_unknown", True)
    # With the old key off, the new one acts.
    assert perform(bench, rotation, Act.DISABLE, rotation.old_key) == Succeeded()
    assert isinstance(perform(bench, rotation, Act.LIST), Listed)


def test_secrets_that_do_not_open(bench: Bench) -> None:
    rotation = bench.request(bench.credential())
    rotation = bench.read(rotation)
    assert rotation.old is not None
    rotation.old.sealed_secret = b"\x01nothing that opens"
    refused = perform(bench, rotation, Act.LIST)
    assert isinstance(refused, Failed)
    assert refused.problem.code == "credential-undecryptable"
    assert refused.permanent
    untried = perform(bench, rotation, Act.TRY)
    assert isinstance(untried, Failed)


def test_nobody_at_home(bench: Bench) -> None:
    rotation = bench.read(bench.request(bench.credential()))
    assert rotation.old is not None
    rotation.old.base_url = "http://127.0.0.1:1"
    failed = perform(bench, rotation, Act.LIST)
    assert isinstance(failed, Failed)
    assert not failed.permanent
