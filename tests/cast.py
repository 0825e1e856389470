"""The cast: who plays in the tests of permissions and of isolation."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import Tenant, User

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Company:
    """A tenant with one user for each role and an API key with every scope."""

    tenant: "Tenant"
    owner: "User"
    admin: "User"
    developer: "User"
    reviewer: "User"
    member: "User"
    api_key: str


@dataclass(frozen=True)
class Cast:
    """Everybody signs in with `password`. `stranger` belongs to no tenant."""

    acme: Company
    globex: Company
    operator: "User"
    stranger: "User"
    password: str = PASSWORD


def make_cast(suffix: str = "") -> Cast:
    """Put everybody into the database; `suffix` sets them apart from another cast."""
    return Cast(
        acme=_company(f"acme{suffix}", "Acme"),
        globex=_company(f"globex{suffix}", "Globex"),
        operator=_user(f"operator{suffix}@example.com", is_staff=True, is_superuser=True),
        stranger=_user(f"stranger{suffix}@example.com"),
    )


def _company(slug: str, name: str) -> Company:
    from accounts.api_keys import create_api_key
    from accounts.models import Membership, Tenant, User
    from accounts.roles import KEY_SCOPES, Role
    from accounts.tenancy import tenant_scope

    tenant = Tenant.objects.create(slug=slug, name=name)
    # Together, not one by one: more than a thousand tests begin with it.
    people = [_new_user(f"{role.value}@{slug}.example") for role in Role]
    users = dict(zip(Role.values, User.objects.bulk_create(people), strict=True))
    with tenant_scope(tenant.pk):
        Membership.objects.bulk_create(
            Membership(tenant=tenant, user=users[role.value], role=role) for role in Role
        )
        _, key = create_api_key(tenant, "tests", KEY_SCOPES, created_by=users["owner"])
    return Company(tenant=tenant, api_key=key, **users)


def _user(email: str, **flags: bool) -> "User":
    user = _new_user(email, **flags)
    user.save()
    return user


def _new_user(email: str, **flags: bool) -> "User":
    from accounts.models import User

    return User(email=email, password=_password_hash(), **flags)


@cache
def _password_hash() -> str:
    # Made once for the run: the real hasher takes a third of a second, and children use it too.
    from django.contrib.auth.hashers import make_password

    return make_password(PASSWORD)
