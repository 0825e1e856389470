import json

import pytest
from django.test import Client

from accounts.models import AuditEntry, IdentityProvider, ProviderIdentity
from accounts.roles import Role
from accounts.single_sign_on import providers
from accounts.single_sign_on.providers import SecretWanted, State
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.single_sign_on.conftest import chosen, go, owner_of, reload_tenant, use
from tests.accounts.single_sign_on.provider import CLIENT_SECRET, Provider
from tests.cast import Cast

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_cache", "keyset_file", "approved"),
]


def test_the_secret_is_sealed_and_kept_for_its_own_client(cast: Cast, idp: Provider) -> None:
    by = owner_of(cast.acme)
    with tenant_scope(cast.acme.tenant.pk):
        with pytest.raises(SecretWanted):
            providers.save_draft(chosen(idp, secret=""), by)
        first = providers.save_draft(chosen(idp), by)
        second = providers.save_draft(chosen(idp, secret="", is_required=True), by)
        assert first.pk != second.pk
        assert IdentityProvider.objects.get().pk == second.pk
        assert CLIENT_SECRET.encode() not in bytes(second.sealed_secret)
        assert providers.client_of(second).secret == CLIENT_SECRET
        for other in ({"issuer": "https://evil.example"}, {"client_id": "another"}):
            with pytest.raises(SecretWanted):
                providers.save_draft(chosen(idp, secret="", **other), by)
    with platform_scope("test"):
        told = json.dumps([[entry.before, entry.after] for entry in AuditEntry.objects.all()])
    assert '"client_secret": "replaced"' in told
    assert CLIENT_SECRET not in told


def test_a_draft_counts_once_it_is_active(cast: Cast, idp: Provider) -> None:
    by = owner_of(cast.acme)
    with tenant_scope(cast.acme.tenant.pk):
        draft = providers.save_draft(chosen(idp, is_required=True, is_second_factor=True), by)
    assert providers.provider_for("x@acme.example") is None
    assert not providers.is_in_use()
    assert not reload_tenant(cast.acme.tenant).requires_sign_on
    with tenant_scope(cast.acme.tenant.pk):
        providers.activate(draft, by)
        providers.activate(draft, by)  # it is no draft any more
        assert providers.provider(State.DRAFT) is None
    assert providers.provider_for("X@Acme.example") == draft
    assert providers.provider_for("x@globex.example") is None
    assert providers.is_in_use()
    tenant = reload_tenant(cast.acme.tenant)
    assert (tenant.requires_sign_on, tenant.trusts_sign_on_factor) == (True, True)


def test_a_draft_that_was_replaced_is_not_activated(cast: Cast, idp: Provider) -> None:
    by = owner_of(cast.acme)
    with tenant_scope(cast.acme.tenant.pk):
        tried = providers.save_draft(chosen(idp), by)
        providers.save_draft(chosen(idp, is_required=True), by)
        providers.activate(tried, by)
        assert providers.provider(State.ACTIVE) is None
        providers.discard_draft(by)
        assert not IdentityProvider.objects.exists()
        providers.discard_draft(by)


def test_the_active_settings_hold_while_a_draft_is_made(cast: Cast, idp: Provider) -> None:
    active = use(cast.acme, chosen(idp))
    with tenant_scope(cast.acme.tenant.pk):
        providers.save_draft(chosen(idp, secret="", client_id="parley-client"), owner_of(cast.acme))
    assert providers.provider_for("x@acme.example") == active


def test_who_set_it_up_decides_whether_owners_may(cast: Cast, idp: Provider) -> None:
    assert use(cast.acme, chosen(idp)).admits_owners
    assert not use(cast.acme, chosen(idp), by=Role.ADMIN).admits_owners


def test_ending_it_signs_out_who_came_so(client: Client, cast: Cast, idp: Provider) -> None:
    use(cast.acme, chosen(idp, is_required=True))
    go(client)
    other = Client()
    other.force_login(cast.acme.owner)
    with tenant_scope(cast.acme.tenant.pk):
        assert providers.end(owner_of(cast.acme)) == 1
        assert not IdentityProvider.objects.exists()
        assert not ProviderIdentity.objects.exists()
    assert client.get("/account/").status_code == 302
    assert other.get("/account/").status_code == 200
    assert not reload_tenant(cast.acme.tenant).requires_sign_on


def test_the_redirect_address_is_each_tenants_own(cast: Cast) -> None:
    acme, globex = (providers.redirect_uri(c.tenant.pk) for c in (cast.acme, cast.globex))
    assert acme != globex
    assert acme == f"http://localhost:8000/login/single-sign-on/{cast.acme.tenant.pk}/"
