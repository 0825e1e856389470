"""A provider, a tenant that uses it, and browsers that go there and back."""

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.callers import Caller
from accounts.models import IdentityProvider, Tenant
from accounts.roles import Role
from accounts.single_sign_on import domains, providers
from accounts.tenancy import tenant_scope
from tests.accounts.single_sign_on.provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    running_provider,
)
from tests.cast import Cast, Company

DOMAIN = "acme.example"


@pytest.fixture
def idp(settings: Settings) -> Iterator[Provider]:
    """An OpenID provider that this server may ask."""
    settings.SSO_INTERNAL_NETWORKS = ["127.0.0.0/8"]
    with running_provider() as provider:
        provider.person(f"member@{DOMAIN}")
        yield provider


def chosen(idp: Provider, **changed: Any) -> providers.Settings:
    values: dict[str, Any] = {
        "issuer": idp.url,
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "domains": (DOMAIN,),
        "newcomer_role": "member",
        "admits_newcomers": False,
        "is_required": False,
        "is_second_factor": False,
    }
    return providers.Settings(**{**values, **changed})


def owner_of(company: Company, role: Role = Role.OWNER) -> Caller:
    user = getattr(company, role.value)
    return Caller(tenant_id=company.tenant.pk, user_id=user.pk, role=role)


def use(company: Company, settings: providers.Settings, by: Role = Role.OWNER) -> IdentityProvider:
    """Make settings active, as after a good test."""
    caller = owner_of(company, by)
    with tenant_scope(company.tenant.pk):
        draft = providers.save_draft(settings, caller)
        providers.activate(draft, caller)
        return IdentityProvider.objects.get()


@pytest.fixture
def approved(cast: Cast) -> str:
    """The domain of Acme's people, which an operator has approved for it."""
    domains.approve(cast.acme.tenant, DOMAIN, actor="system")
    return DOMAIN


@pytest.fixture
def active(cast: Cast, idp: Provider, approved: str, keyset_file: object) -> IdentityProvider:
    """Acme signs in with the provider; its owner has set it up."""
    return use(cast.acme, chosen(idp))


def onward(page: Any) -> str:
    """The provider's address on the page that leads there."""
    found = re.search(r'content="0; url=([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def at_provider(address: str) -> str:
    """Sign in there; the path by which the browser comes back."""
    answer = requests.get(address, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.path}?{parts.query}"


def go(client: Client, email: str = f"member@{DOMAIN}", **fields: str) -> Any:
    """Begin at the log-in page, sign in at the provider, come back: the last answer."""
    page = client.post("/login/", {"login": email, **fields})
    return client.get(at_provider(onward(page)))


def reload_tenant(tenant: Tenant) -> Tenant:
    tenant.refresh_from_db()
    return tenant
