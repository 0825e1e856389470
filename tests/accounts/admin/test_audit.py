import pytest

from accounts.audit import record
from accounts.tenancy import tenant_scope
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db


def test_the_audit_table_is_only_read(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        entry = record("agent.created", cast.acme.tenant, actor="system")
    for user in (cast.operator, cast.acme.owner):
        client = signed_in(user)
        address = f"/admin/accounts/auditentry/{entry.pk}"
        assert "agent.created" in client.get(f"{address}/change/").text
        assert client.post(f"{address}/change/", {"action": "x"}).status_code == 403
        assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
        assert client.get("/admin/accounts/auditentry/add/").status_code == 403
        found = client.get("/admin/accounts/auditentry/", {"q": "agent.created"})
        assert str(entry.pk) in found.text
