import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from accounts.tenancy import platform_scope
from tests.accounts.admin.desk import add, audited
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db
PASSWORD = "canary correct horse"
FIELDS = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def operator(cast: Cast) -> Client:
    return signed_in(cast.operator)


def test_adding_a_person(operator: Client) -> None:
    assert add(operator, "user", email="New@Example.com", name="New", **FIELDS).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD)
    with platform_scope("test"):
        assert "canary" not in str(list(AuditEntry.objects.values()))
    assert operator.post(f"/admin/accounts/user/{user.pk}/delete/").status_code == 403
    again = add(operator, "user", email="NEW@example.com", **FIELDS)
    assert "already exists" in again.text


def test_setting_a_password_is_audited(cast: Cast, operator: Client) -> None:
    address = f"/admin/accounts/user/{cast.stranger.pk}/password/"
    assert operator.get(address).status_code == 200
    assert operator.post(address, {**FIELDS, "password2": "another"}).status_code == 200
    assert "user.password-set" not in audited()
    assert operator.post(address, FIELDS).status_code == 302
    assert User.objects.get(pk=cast.stranger.pk).check_password(PASSWORD)
    assert "user.password-set" in audited()
    assert operator.post("/admin/accounts/user/none/password/", FIELDS).status_code == 404
