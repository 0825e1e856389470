"""E-mail domains: for whose people a tenant's identity provider is believed.

An operator approves a domain for one tenant, once she has seen that it is theirs. Without that a
tenant could claim the domain of another, or of a public mail service, and speak for its people.
"""

import re
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from accounts.audit import record
from accounts.models import EmailDomain, Tenant
from accounts.tenancy import platform_scope, tenant_scope

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})+")


class NoDomain(ValueError):
    """The text is no e-mail domain."""


class DomainTaken(Exception):
    """Another tenant has this domain."""

    code = "domain-taken"


def domain_of(email: str) -> str:
    return email.rpartition("@")[2].lower()


def normal(text: str) -> str:
    """A domain as it is stored: lower case, in ASCII. Raises NoDomain."""
    name = text.strip().lower().removeprefix("@").rstrip(".")
    try:
        name = name.encode("idna").decode()
    except UnicodeError:
        raise NoDomain(text) from None
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise NoDomain(text)
    return name


def approved(names: Iterable[str]) -> set[str]:
    """Those of the domains that are the current tenant's."""
    return set(EmailDomain.objects.filter(name__in=list(names)).values_list("name", flat=True))


def approve(tenant: Tenant, name: str, *, actor: str) -> bool:
    """Believe the tenant's provider about the people of a domain. False if it is so already.

    Raises:
        NoDomain, DomainTaken.
    """
    name = normal(name)
    with tenant_scope(tenant.pk):
        if approved([name]):
            return False
        try:
            with transaction.atomic():
                domain = EmailDomain.objects.create(name=name)
                record("email-domain.approved", domain, actor=actor, after={"name": name})
        except IntegrityError:
            raise DomainTaken(name) from None
    return True


def withdraw(name: str, *, actor: str) -> bool:
    """Believe nobody about the domain any more; open sessions stay. False if nobody has it."""
    with platform_scope("withdraw an e-mail domain"), transaction.atomic():
        domain = EmailDomain.objects.filter(name=normal(name)).first()
        if domain is None:
            return False
        record("email-domain.withdrawn", domain, actor=actor, before={"name": domain.name})
        domain.delete()
    return True
