import pytest
from django.test import Client

from accounts.models import Membership, User
from accounts.tenancy import platform_scope
from tests.accounts.admin.desk import act, add, audited
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(cast: Cast) -> Client:
    return signed_in(cast.acme.owner)


def of(user: User) -> Membership:
    with platform_scope("test"):
        return Membership.objects.get(user=user)


def change(client: Client, user: User, role: str, state: str = "active") -> str:
    address = f"/admin/accounts/membership/{of(user).pk}/change/"
    return client.post(address, {"role": role, "state": state}, follow=True).text


def test_an_operator_adds_and_deletes(cast: Cast) -> None:
    operator = signed_in(cast.operator)
    fields = {"tenant": str(cast.acme.tenant.pk), "user": str(cast.stranger.pk)}
    answer = add(operator, "membership", role="reviewer", state="active", **fields)
    assert answer.status_code == 302
    membership = of(cast.stranger)
    typed = {"confirmed": "yes", "typed": cast.stranger.email}
    operator.post(f"/admin/accounts/membership/{membership.pk}/delete/", typed)
    act(operator, "membership", "delete_selected", of(cast.acme.member))
    with platform_scope("test"):
        gone = Membership.objects.filter(user__in=[cast.stranger, cast.acme.member])
        assert not gone.exists()
    assert audited()[-3:] == ["membership.created", "membership.deleted", "membership.deleted"]


def test_an_owner_changes_roles_and_adds_nobody(cast: Cast, owner: Client) -> None:
    change(owner, cast.acme.member, "reviewer")
    assert of(cast.acme.member).role == "reviewer"
    assert audited()[-1] == "membership.changed"
    assert owner.get("/admin/accounts/membership/add/").status_code == 403
    answer = act(owner, "membership", "delete_selected", of(cast.acme.member))
    assert of(cast.acme.member).state == "active"
    assert answer.status_code == 200


def test_only_owners_make_owners(cast: Cast, owner: Client) -> None:
    admin = signed_in(cast.acme.admin)
    assert "Only an owner makes" in change(admin, cast.acme.admin, "owner")
    assert of(cast.acme.admin).role == "admin"
    address = f"/admin/accounts/membership/{of(cast.acme.owner).pk}/"
    assert admin.post(f"{address}change/", {"role": "member"}).status_code == 403
    assert admin.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    change(owner, cast.acme.admin, "owner")
    assert of(cast.acme.admin).role == "owner"


def test_the_last_owner_stays(cast: Cast, owner: Client) -> None:
    assert "last owner" in change(owner, cast.acme.owner, "member")
    assert "last owner" in change(owner, cast.acme.owner, "owner", "disabled")
    address = f"/admin/accounts/membership/{of(cast.acme.owner).pk}/delete/"
    assert owner.post(address, {"post": "yes"}).status_code == 403
    membership = of(cast.acme.owner)
    assert (membership.role, membership.state) == ("owner", "active")
