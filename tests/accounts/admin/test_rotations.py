from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Credential, CredentialRotation
from accounts.rotation.progress import State
from accounts.tenancy import tenant_scope
from tests.accounts.admin.desk import simulator_in_thread, store
from tests.accounts.rotation.bench import Bench, sessions
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db
BASE = "/admin/accounts/credentialrotation/"


@pytest.fixture
def bench(cast: Cast, keyset_file: object) -> Iterator[Bench]:
    with simulator_in_thread() as simulator:
        yield Bench(cast.acme.tenant, simulator, now=timezone.now())


@pytest.fixture
def owner(cast: Cast) -> Client:
    return signed_in(cast.acme.owner)


def page(rotation: CredentialRotation) -> str:
    return f"{BASE}{rotation.pk}/change/"


def demanded(client: Client, rotation: CredentialRotation, what: str, **fields: str) -> Any:
    return client.post(f"{BASE}{rotation.pk}/demand/{what}/", fields, follow=True)


def only(bench: Bench) -> CredentialRotation:
    with tenant_scope(bench.tenant.pk):
        return CredentialRotation.objects.get()


def test_from_the_credential_to_the_end(bench: Bench, owner: Client) -> None:
    old = bench.credential(is_primary=True)
    begin = f"{BASE}begin/{old.pk}/"
    assert begin in owner.get(f"/admin/accounts/credential/{old.pk}/change/").content.decode()
    assert "Rotate the key" in owner.get(begin).content.decode()
    answer = owner.post(begin, {"by_itself": "no"})
    rotation = only(bench)
    assert answer.headers["Location"] == page(rotation)
    assert "is being rotated" in owner.get(begin).content.decode()
    assert "being rotated already" in owner.post(begin, follow=True).content.decode()

    bench.now = timezone.now()
    bench.advance(rotation)
    shown = owner.get(page(rotation)).content.decode()
    assert "It waits for you" in shown
    assert "Promote now" in shown
    question = demanded(owner, rotation, "promote").content.decode()
    assert "New conversations use the new key." in question
    assert demanded(owner, rotation, "promote", confirmed="yes").status_code == 200
    with sessions({old.pk: 3}):
        bench.now = timezone.now()
        rotation = bench.advance(rotation)
        assert rotation.state == State.RETIRING
        shown = owner.get(page(rotation)).content.decode()
        assert "on the old key: <b>3</b>" in shown
        question = demanded(owner, rotation, "retire").content.decode()
        assert "This ends 3 conversations" in question
        refused = demanded(owner, rotation, "retire", confirmed="yes", typed="else")
        assert "Nothing was done" in refused.content.decode()
        demanded(owner, rotation, "retire", confirmed="yes", typed="main")
        bench.now = timezone.now()
        assert bench.advance(rotation).state == State.DISABLED
    rotation = bench.advance(rotation, minutes=61)
    assert rotation.state == State.DONE
    shown = owner.get(page(rotation)).content.decode()
    assert "Promote now" not in shown
    assert "its secret is wiped here" in shown
    late = demanded(owner, rotation, "roll-back", confirmed="yes")
    assert "too late" in late.content.decode()


def test_rolled_back_by_hand(bench: Bench, owner: Client) -> None:
    old = bench.credential(is_primary=True)
    rotation = bench.advance(bench.request(old))
    with sessions({rotation.new_id: 1}):  # type: ignore[dict-item]
        question = demanded(owner, rotation, "roll-back").content.decode()
    assert "kept for 1 conversation" in question
    demanded(owner, rotation, "roll-back", confirmed="yes")
    assert "on its way" in owner.get(page(rotation)).content.decode()
    bench.now = timezone.now()
    bench.advance(rotation)
    rotation = bench.advance(rotation, seconds=10)
    assert rotation.state == State.ROLLED_BACK
    assert rotation.requested_by == "user:somebody"


def test_a_refusal_by_google_is_explained(bench: Bench, owner: Client) -> None:
    old = bench.credential(is_primary=True)
    for number in range(9):
        bench.add_key(old, f"k{number}")
    rotation = bench.advance(bench.request(old))
    shown = owner.get(page(rotation)).content.decode()
    assert "no room for another key" in shown
    assert "Delete a key of the account that nobody uses" in shown


def test_the_schedule(bench: Bench, owner: Client) -> None:
    credential = bench.credential()
    address, back = f"{BASE}schedule/{credential.pk}/", f"{BASE}begin/{credential.pk}/"
    for fields in ({"mode": "by-itself", "days": "3"}, {"mode": "remind"}, {}):
        wrong = owner.post(address, fields)
        assert (wrong.status_code, "p-problem" in wrong.content.decode()) == (200, True)
    stored = owner.post(address, {"mode": "by-itself", "days": "90"})
    assert stored.headers["Location"] == back
    assert "the next rotation is due" in owner.get(back).content.decode()
    with tenant_scope(bench.tenant.pk):
        row = Credential.objects.get(pk=credential.pk)
    assert (row.rotate_every_days, row.rotates_by_itself) == (90, True)
    assert row.rotation_due_at == row.created_at + timedelta(days=90)
    owner.post(address, {"mode": "never"})
    with tenant_scope(bench.tenant.pk):
        assert Credential.objects.get(pk=credential.pk).rotation_due_at is None
    assert owner.get(address).status_code == 405


def test_what_cannot_be_rotated(cast: Cast, keyset_file: object, owner: Client) -> None:
    key = store(cast.acme.tenant)
    begin = f"{BASE}begin/{key.pk}/"
    assert "cannot be rotated from here" in owner.get(begin).content.decode()
    answer = owner.post(begin, follow=True)
    assert "Only the key of a service account" in answer.content.decode()


def test_nobody_else_finds_it(bench: Bench, cast: Cast) -> None:
    old = bench.credential()
    rotation = bench.request(old)
    addresses = [
        page(rotation),
        f"{BASE}begin/{old.pk}/",
        f"{BASE}schedule/{old.pk}/",
        f"{BASE}{rotation.pk}/demand/roll-back/",
        f"{BASE}{rotation.pk}/history/",
    ]
    for visitor in (cast.globex.owner, cast.acme.developer, cast.acme.reviewer):
        client = signed_in(visitor)
        for address in addresses:
            assert client.get(address).status_code == 404, address
            assert client.post(address).status_code == 404, address
    assert bench.read(rotation).demand == ""
    operator = signed_in(cast.operator)
    assert operator.get(page(rotation)).status_code == 200
    owner = signed_in(cast.acme.owner)
    assert owner.post(page(rotation)).status_code == 403
    assert owner.post(f"{BASE}{rotation.pk}/demand/else/").status_code == 404
    assert owner.get(BASE).status_code == 200
    operator.post(f"{BASE}{rotation.pk}/demand/try-again/")
    assert (
        operator.post(f"{BASE}{rotation.pk}/demand/roll-back/", {"confirmed": "yes"}).status_code
        == 302
    )
    assert bench.read(rotation).demand == "roll-back"
