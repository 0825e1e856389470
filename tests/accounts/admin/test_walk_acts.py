"""Every act in the admin x every role, tried on the other tenant's rows: nothing is there."""

from typing import Any
from uuid import uuid4

from accounts.models import ApiKey, Credential, Tenant
from accounts.tenancy import platform_scope
from tests.accounts.admin.walk import ROLES, SEEN_BY, Rows, address, registered
from tests.cast import Cast
from tests.conversations.talks import signed_in


def test_nothing_of_another_tenant_is_touched(cast: Cast, rows: dict[str, Rows]) -> None:
    def state() -> list[Any]:
        with platform_scope("test"):
            return [
                list(model._default_manager.filter(pk=row.pk).values())
                for model, row in rows["other"].items()
            ]

    before = state()
    for role in ROLES:
        client = signed_in(getattr(cast.acme, role))
        for model, row in rows["other"].items():
            for view in ("change", "delete", "history"):
                answer = client.post(address(model, view, row), {"post": "yes", "name": "x"})
                assert answer.status_code == 404, (role, model, view)
            assert client.get(address(model, "delete", row)).status_code == 404
            assert client.get(f"{address(model)}{row.pk}/").status_code == 404
        for view in ("try", "verify", "explain"):
            other = address(Credential, view, rows["other"][Credential])
            assert client.post(other).status_code == 404
        password = f"/admin/accounts/user/{cast.globex.member.pk}/password/"
        assert client.post(password, {"password1": "x"}).status_code == 404
    assert state() == before


def test_no_action_reaches_another_tenants_row(cast: Cast, rows: dict[str, Rows]) -> None:
    admins = registered()
    for role in ROLES:
        client = signed_in(getattr(cast.acme, role))
        for model, row in rows["other"].items():
            for action in {*(admins[model].actions or ()), "delete_selected"}:
                chosen = {"action": action, "index": "0", "confirmed": "yes", "post": "yes"}
                both = [str(row.pk), str(rows["own"][model].pk)]
                answer = client.post(address(model), {**chosen, "_selected_action": both})
                # Where a role has no action at all, Django shows the list, or refuses the POST.
                offers = model in {ApiKey, Credential} and role in SEEN_BY[model]
                assert answer.status_code in ({404} if offers else {200, 403, 404})
    with platform_scope("test"):
        for row in rows["other"].values():
            assert type(row)._default_manager.filter(pk=row.pk).exists()
        assert not Credential.objects.filter(state="revoked").exists()
        assert not ApiKey.objects.exclude(revoked_at=None).exists()
    assert Tenant.objects.filter(state="suspended").count() == 0


def test_an_unknown_id_is_like_another_tenants(cast: Cast, rows: dict[str, Rows]) -> None:
    client = signed_in(cast.acme.owner)
    for model in SEEN_BY:
        for wrong in (uuid4(), "not-an-id", "1"):
            base = f"{address(model)}{wrong}/"
            assert {
                client.get(f"{base}{view}/").status_code for view in ("change", "delete", "history")
            } == {404}
