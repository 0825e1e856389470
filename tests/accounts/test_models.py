import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import ApiKey, Credential, Membership, Tenant, User
from accounts.tenancy import platform_scope, tenant_scope


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


def test_no_model_is_without_its_migration(db: None) -> None:
    call_command("makemigrations", "accounts", "--check", "--dry-run", verbosity=0)


def test_one_person_however_the_address_is_spelt(db: None) -> None:
    user = User.objects.create_user(" Ann@Example.COM ", "correct horse")
    assert user.email == "ann@example.com"
    assert user.check_password("correct horse")
    assert User.objects.get_by_natural_key("ANN@example.com") == user
    again = User(email="Ann@Example.com", password="!")
    with pytest.raises(ValidationError, match="already exists"):
        again.full_clean()


def test_a_user_needs_an_address(db: None) -> None:
    with pytest.raises(ValueError, match="e-mail"):
        User.objects.create_user("")


def test_without_a_password_nobody_logs_in_with_one(db: None) -> None:
    assert not User.objects.create_user("a@example.com").has_usable_password()


def test_operators(db: None) -> None:
    operator = User.objects.create_superuser("op@example.com", "correct horse")
    assert operator.is_superuser
    assert operator.is_staff


def test_names() -> None:
    assert User(email="a@example.com", name="Ann Bell").get_short_name() == "Ann"
    assert User(email="a@example.com").get_full_name() == "a@example.com"


def test_a_person_is_once_in_a_tenant(tenant: Tenant) -> None:
    user = User.objects.create(email="a@example.com")
    with tenant_scope(tenant.pk):
        Membership.objects.create(user=user)
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(user=user, role="owner")


def make_credential(tenant: Tenant, **fields: object) -> Credential:
    with tenant_scope(tenant.pk):
        return Credential.objects.create(
            **{"name": "main", "kind": "api_key", "endpoint": "developer", **fields}
        )


def test_one_primary_credential_in_a_tenant(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="globex", name="Globex")
    make_credential(tenant, is_primary=True)
    make_credential(tenant)
    make_credential(tenant)
    make_credential(other, is_primary=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_credential(tenant, is_primary=True)


@pytest.mark.parametrize("place", [{}, {"project": "p"}, {"location": "global"}])
def test_vertex_needs_a_place(tenant: Tenant, place: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_credential(tenant, endpoint="vertex", **place)
    made = make_credential(tenant, endpoint="vertex", project="p", location="global")
    assert made.state == Credential.State.PENDING


def test_validity_of_a_key() -> None:
    now = timezone.now()
    assert ApiKey().is_valid(now)
    assert not ApiKey(revoked_at=now).is_valid(now)
    assert not ApiKey(expires_at=now).is_valid(now)


def test_a_tenant_with_rows_is_not_deleted(tenant: Tenant) -> None:
    make_credential(tenant)
    with platform_scope("test"), pytest.raises(ProtectedError):
        tenant.delete()


def test_a_deleted_user_leaves_no_membership(tenant: Tenant) -> None:
    user = User.objects.create(email="a@example.com")
    with platform_scope("test"):
        Membership.objects.create(user=user, tenant=tenant)
        user.delete()
        assert not Membership.objects.exists()
