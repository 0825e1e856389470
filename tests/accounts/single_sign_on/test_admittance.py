"""Who gets in, and what an organisation's provider cannot take over."""

from typing import Any

import pytest

from accounts.invitations import invite
from accounts.models import IdentityProvider, Membership, ProviderIdentity, User
from accounts.roles import Role
from accounts.single_sign_on import providers
from accounts.single_sign_on.admittance import admit
from accounts.single_sign_on.protocol import Person, SignOnFault
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.single_sign_on.conftest import chosen, owner_of, use
from tests.accounts.single_sign_on.provider import Provider
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider(active: IdentityProvider) -> IdentityProvider:
    return active


def person(role: str = "member", subject: str = "1", **changed: str) -> Person:
    return Person(**{"subject": subject, "email": f"{role}@acme.example", "name": "", **changed})


def let_in(provider: IdentityProvider, whom: Person) -> User:
    with tenant_scope(provider.tenant_id):
        return admit(provider, whom)


def code(provider: IdentityProvider, whom: Person) -> str:
    with pytest.raises(SignOnFault) as caught:
        let_in(provider, whom)
    return caught.value.code


def state(user: User, **fields: Any) -> None:
    with platform_scope("test"):
        Membership.objects.filter(user=user).update(**fields)


def test_the_subject_counts_from_the_second_time_on(cast: Cast, provider: IdentityProvider) -> None:
    assert let_in(provider, person()) == cast.acme.member
    renamed = person(email="renamed@acme.example")
    assert let_in(provider, renamed) == cast.acme.member
    assert code(provider, person(email="member@globex.example")) == "domain-not-allowed"


def test_an_address_that_was_given_to_somebody_else(cast: Cast, provider: IdentityProvider) -> None:
    let_in(provider, person())
    assert code(provider, person(subject="2")) == "linked-to-another"
    with tenant_scope(provider.tenant_id):
        assert providers.forget_people(owner_of(cast.acme)) == 1
    assert let_in(provider, person(subject="2")) == cast.acme.member


def test_who_stays_out(cast: Cast, provider: IdentityProvider) -> None:
    assert code(provider, person("nobody")) == "not-invited"
    assert code(provider, person(email="owner@globex.example")) == "domain-not-allowed"
    state(cast.acme.member, state="disabled")
    assert code(provider, person()) == "member-disabled"
    invite(cast.acme.tenant, cast.acme.member.email, Role.REVIEWER, actor="system")
    assert let_in(provider, person()) == cast.acme.member
    User.objects.filter(pk=cast.acme.member.pk).update(is_active=False)
    assert code(provider, person()) == "account-closed"
    User.objects.filter(pk=cast.acme.admin.pk).update(is_staff=True)
    assert code(provider, person("admin", "2")) == "operator"


def test_an_admins_provider_makes_nobody_an_owner(
    cast: Cast, idp: Provider, approved: str, keyset_file: object
) -> None:
    """Whoever runs a provider can say that she is anybody."""
    provider = use(cast.acme, chosen(idp, admits_newcomers=True), by=Role.ADMIN)
    assert code(provider, person("owner")) == "owner"
    assert let_in(provider, person("admin", "2")) == cast.acme.admin
    state(cast.acme.admin, role="owner")
    assert code(provider, person("admin", "2")) == "owner"
    invite(cast.acme.tenant, "new@acme.example", Role.OWNER, actor="system")
    assert code(provider, person("new", "3")) == "owner"
    assert let_in(use(cast.acme, chosen(idp)), person("owner")) == cast.acme.owner


def test_a_refusal_leaves_nothing_behind(cast: Cast, provider: IdentityProvider) -> None:
    code(provider, person("nobody"))
    assert not User.objects.filter(email="nobody@acme.example").exists()
    with platform_scope("test"):
        assert not ProviderIdentity.objects.exists()


def test_a_person_of_another_tenant_joins_as_anybody_does(
    cast: Cast, idp: Provider, approved: str, keyset_file: object
) -> None:
    """Somebody of the domain is a member elsewhere: there nothing changes."""
    provider = use(cast.acme, chosen(idp, admits_newcomers=True))
    User.objects.filter(pk=cast.globex.member.pk).update(email="bob@acme.example")
    assert let_in(provider, person("bob")) == cast.globex.member
    with platform_scope("test"):
        roles = Membership.objects.filter(user=cast.globex.member).order_by("id")
        assert [(row.tenant_id, row.role) for row in roles] == [
            (cast.globex.tenant.pk, "member"),
            (cast.acme.tenant.pk, "member"),
        ]
