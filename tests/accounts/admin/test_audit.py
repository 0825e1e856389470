import pytest
from django.utils import timezone

from accounts.audit import record
from accounts.audit.place import Place, at_place
from accounts.audit.sealing import seal_chain
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


def test_it_tells_from_where_and_which_seal_covers_it(cast: Cast) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    with tenant_scope(cast.acme.tenant.pk), at_place(Place("192.0.2.7", agent, "req-1")):
        record("agent.created", cast.acme.tenant, actor="system")
    owner = signed_in(cast.acme.owner)
    address = "/admin/accounts/auditentry/"
    page = owner.get(address, {"q": "req-1"}).text
    for shown in ("192.0.2.7", "Firefox on Linux", "req-1", "not sealed yet", " UTC"):
        assert shown in page
    seal_chain(cast.acme.tenant.pk, timezone.now())
    assert "not sealed yet" not in owner.get(address, {"q": "req-1"}).text
