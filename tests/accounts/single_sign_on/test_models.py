import pytest
from django.db import IntegrityError, transaction

from accounts.models import EmailDomain, IdentityProvider, ProviderIdentity
from accounts.roles import Role
from accounts.single_sign_on.models import NEWCOMER_ROLES
from accounts.tenancy import tenant_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_what_there_is_only_one_of(cast: Cast) -> None:
    person = {"issuer": "https://idp.example", "subject": "1"}
    with tenant_scope(cast.acme.tenant.pk):
        domain = EmailDomain.objects.create(name="acme.example")
        draft = IdentityProvider.objects.create(issuer="https://idp.example", client_id="x")
        known = ProviderIdentity.objects.create(user=cast.acme.member, **person)
        assert (str(domain), str(draft)) == ("acme.example", "https://idp.example")
        assert str(known) == f"{cast.acme.member.pk} at https://idp.example"
        with pytest.raises(IntegrityError), transaction.atomic():
            IdentityProvider.objects.create(issuer="https://other.example", client_id="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            ProviderIdentity.objects.create(user=cast.acme.owner, **person)
    with tenant_scope(cast.globex.tenant.pk):
        ProviderIdentity.objects.create(user=cast.acme.member, **person)  # of another tenant
        with pytest.raises(IntegrityError), transaction.atomic():
            EmailDomain.objects.create(name="acme.example")


def test_nobody_joins_as_an_owner() -> None:
    assert Role.OWNER not in dict(NEWCOMER_ROLES)
