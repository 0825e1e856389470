from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client
from django.urls import include, path
from django.utils import timezone

from accounts.api_keys import create_api_key
from accounts.callers import ACTIVE_TENANT
from accounts.models import Membership, Tenant
from accounts.tenancy import PlatformScope, TenantScope, current_scope, tenant_scope
from tests.cast import Cast, make_cast

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def seen(request: HttpRequest) -> JsonResponse:
    """What a view sees of its caller and its scope."""
    caller = request.caller  # type: ignore[attr-defined]
    scope = current_scope()
    return JsonResponse(
        {
            "tenant": str(caller.tenant_id) if caller else None,
            "user": str(caller.user_id) if caller else None,
            "key": bool(caller and caller.api_key_id),
            "scope": str(scope.tenant_id) if isinstance(scope, TenantScope) else None,
            "platform": isinstance(scope, PlatformScope),
        }
    )


async def seen_by_async_view(request: HttpRequest) -> JsonResponse:
    return seen(request)


urlpatterns = [
    path("", seen, name="lobby"),
    path("api/v1/probe/", seen),
    path("async/", seen_by_async_view),
    path("admin/probe/", seen),
    path("", include("config.urls")),  # what the templates link to
]
NOBODY = {"tenant": None, "user": None, "key": False, "scope": None, "platform": False}


@pytest.fixture(autouse=True)
def no_scope_is_left_behind() -> Iterator[None]:
    yield
    assert current_scope() is None


def as_seen(cast_member: Any, tenant: Tenant) -> dict[str, Any]:
    scope = str(tenant.pk)
    user = str(cast_member.pk)
    return {"tenant": scope, "user": user, "key": False, "scope": scope, "platform": False}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def suspend(tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED)


def test_nobody(client: Client) -> None:
    assert client.get("/").json() == NOBODY


def test_a_browser_session(client: Client, cast: Cast) -> None:
    client.force_login(cast.acme.member)
    assert client.get("/").json() == as_seen(cast.acme.member, cast.acme.tenant)
    assert client.get("/api/v1/probe/").json() == as_seen(cast.acme.member, cast.acme.tenant)


def test_a_person_without_a_tenant(client: Client, cast: Cast) -> None:
    client.force_login(cast.stranger)
    assert client.get("/").json() == NOBODY


def test_the_chosen_tenant(client: Client, cast: Cast) -> None:
    with tenant_scope(cast.globex.tenant.pk):
        Membership.objects.create(user=cast.acme.owner)
    client.force_login(cast.acme.owner)
    session = client.session
    session[ACTIVE_TENANT] = str(cast.globex.tenant.pk)
    session.save()
    assert client.get("/").json() == as_seen(cast.acme.owner, cast.globex.tenant)


def test_an_api_key(client: Client, cast: Cast) -> None:
    answer = client.get("/api/v1/probe/", headers=bearer(cast.acme.api_key)).json()
    assert answer["key"]
    assert answer["tenant"] == answer["scope"] == str(cast.acme.tenant.pk)


def test_a_key_goes_before_the_cookie(client: Client, cast: Cast) -> None:
    client.force_login(cast.globex.owner)
    answer = client.get("/api/v1/probe/", headers=bearer(cast.acme.api_key)).json()
    assert answer["tenant"] == str(cast.acme.tenant.pk)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer prl_0_1", "Bearer {old}", "Basic {good}", "{good}"]
)
def test_a_wrong_key_never_falls_back_to_the_cookie(
    client: Client, cast: Cast, header: str
) -> None:
    client.force_login(cast.acme.owner)
    past = timezone.now() - timedelta(seconds=1)
    _, old = create_api_key(cast.acme.tenant, "old", ["read"], expires_at=past)
    header = header.format(old=old, good=cast.acme.api_key)
    answer = client.get("/api/v1/probe/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "invalid-api-key"
    assert answer.json()["status"] == 401
    assert old not in answer.text


def test_a_key_opens_no_page(client: Client, cast: Cast) -> None:
    assert client.get("/", headers=bearer(cast.acme.api_key)).json() == NOBODY
    assert client.get("/async/", headers=bearer(cast.acme.api_key)).json() == NOBODY


def test_a_suspended_tenants_key(client: Client, cast: Cast) -> None:
    suspend(cast.acme.tenant)
    answer = client.get("/api/v1/probe/", headers=bearer(cast.acme.api_key))
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant-suspended")


def test_a_suspended_tenants_people(client: Client, cast: Cast) -> None:
    suspend(cast.acme.tenant)
    client.force_login(cast.acme.owner)
    page = client.get("/")
    assert page.status_code == 403
    assert "suspended" in page.text
    answer = client.get("/api/v1/probe/")
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant-suspended")
    assert client.get("/nowhere/").status_code == 403
    assert client.post("/logout/").status_code == 302


def test_operators_in_the_admin(client: Client, cast: Cast) -> None:
    client.force_login(cast.operator)
    assert client.get("/admin/probe/").json() == {**NOBODY, "platform": True}
    assert client.get("/").json() == NOBODY


@pytest.mark.parametrize("flags", [{}, {"is_staff": True}, {"is_superuser": True}])
def test_no_one_else_gets_the_platform_scope(
    client: Client, cast: Cast, flags: dict[str, bool]
) -> None:
    for name, value in flags.items():
        setattr(cast.acme.owner, name, value)
    cast.acme.owner.save()
    client.force_login(cast.acme.owner)
    assert client.get("/admin/probe/").json() == as_seen(cast.acme.owner, cast.acme.tenant)


@pytest.mark.django_db(transaction=True)
async def test_asynchronous_views_run_in_the_scope(async_client: AsyncClient) -> None:
    cast = await sync_to_async(make_cast)()
    await async_client.aforce_login(cast.acme.member)
    for address in ("/", "/async/"):
        answer = await async_client.get(address)
        assert answer.json() == as_seen(cast.acme.member, cast.acme.tenant)
        assert current_scope() is None


def test_who_needs_a_second_factor_sets_it_up_first(
    client: Client, cast: Cast, keyset_file: object
) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(requires_mfa=True)
    client.force_login(cast.acme.member)
    assert client.get("/")["Location"] == "/account/second-factor/"
    refused = client.get("/api/v1/probe/")
    assert refused.status_code == 403
    assert refused.json()["code"] == "second-factor-required"
    page = client.get("/account/second-factor/")
    assert page.status_code == 200
    assert "second-factor-required" in page.text
    TOTP.activate(cast.acme.member, "JBSWY3DPEHPK3PXP")
    assert client.get("/").json() == as_seen(cast.acme.member, cast.acme.tenant)


def test_other_tenants_and_keys_need_none(client: Client, cast: Cast) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(requires_mfa=True)
    with tenant_scope(cast.globex.tenant.pk):
        Membership.objects.create(user=cast.acme.member, role="member")
    client.force_login(cast.acme.member)
    assert client.post("/tenant/", {"tenant": str(cast.globex.tenant.pk)}).status_code == 302
    assert client.get("/").json() == as_seen(cast.acme.member, cast.globex.tenant)
    answer = Client().get("/api/v1/probe/", headers=bearer(cast.acme.api_key))
    assert answer.json()["key"] is True
