import pytest

from accounts.admin.history import history_of, names_of
from accounts.audit import record
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db


def test_a_change_in_the_admin_stands_in_the_history(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    developer = signed_in(cast.acme.developer)
    fields = {"name": "Guide", "slug": "shop", "model": "m", "voice": "Kore", "modality": "AUDIO"}
    fields["recording"] = "off"
    address = f"/admin/conversations/agent/{agent.pk}/"
    assert developer.post(f"{address}change/", fields).status_code == 302
    page = developer.get(f"{address}history/").text
    assert "agent.changed" in page
    assert cast.acme.developer.email in page
    assert "Shop → Guide" in page
    assert developer.get(f"{address}history/?p=99").status_code == 404


def test_an_operators_name_is_not_the_tenants_business(cast: Cast) -> None:
    actor = f"user:{cast.operator.pk}"
    with tenant_scope(cast.acme.tenant.pk):
        assert names_of({actor, "system"}) == {actor: "the platform's operator"}
    with platform_scope("test"):
        assert names_of({actor}) == {actor: cast.operator.email}


def test_a_long_history_has_pages(cast: Cast, django_assert_max_num_queries: object) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        for number in range(60):
            record("tenant.changed", cast.acme.tenant, actor="system", after={"name": f"n{number}"})
        first = history_of(cast.acme.tenant, "1")
        assert (len(first.object_list), first.has_next()) == (50, True)
        assert first.object_list[0].changes[0].after == "n59"
        assert len(history_of(cast.acme.tenant, "2").object_list) == 10
