import pytest

from accounts.models import AuditEntry
from accounts.single_sign_on import domains
from accounts.single_sign_on.domains import DomainTaken, NoDomain, approve, normal, withdraw
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme.example", "acme.example"),
        (" @ACME.Example. ", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_how_a_domain_is_written(text: str, name: str) -> None:
    assert normal(text) == name


@pytest.mark.parametrize("text", ["", "localhost", "a b.example", "-a.example", "a..b", "*.b"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(NoDomain):
        normal(text)


def test_the_domain_of_an_address() -> None:
    assert domains.domain_of('"a@evil.example"@Acme.example') == "acme.example"
    assert domains.domain_of("nobody") == "nobody"


@pytest.mark.django_db
def test_a_domain_is_one_tenants(cast: Cast) -> None:
    assert approve(cast.acme.tenant, "Acme.example", actor="system")
    assert not approve(cast.acme.tenant, "acme.example", actor="system")
    with pytest.raises(DomainTaken):
        approve(cast.globex.tenant, "acme.example", actor="system")
    with tenant_scope(cast.acme.tenant.pk):
        assert domains.approved(["acme.example", "other.example"]) == {"acme.example"}
    with tenant_scope(cast.globex.tenant.pk):
        assert domains.approved(["acme.example"]) == set()
    assert withdraw("acme.example", actor="system")
    assert not withdraw("acme.example", actor="system")
    assert approve(cast.globex.tenant, "acme.example", actor="system")
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(action__startswith="email-domain.").order_by("id")
        told = [(entry.action, entry.tenant_id) for entry in entries]
    acme, globex = cast.acme.tenant.pk, cast.globex.tenant.pk
    assert told == [
        ("email-domain.approved", acme),
        ("email-domain.withdrawn", acme),
        ("email-domain.approved", globex),
    ]
