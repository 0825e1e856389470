import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from accounts.admin.site import ParleyAdminSite, the_site
from conversations.models import Lease
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db


def test_it_is_the_one_that_django_knows() -> None:
    assert isinstance(admin.site, ParleyAdminSite)
    assert admin.site._registry is the_site()._registry  # noqa: SLF001 - the site is a lazy object


def test_admins_of_others_are_left_out() -> None:
    site = ParleyAdminSite("other")
    site.register(Group, admin.ModelAdmin)
    assert not site.is_registered(Group)
    site.unregister(Group)
    assert not admin.site.is_registered(Group)
    assert not admin.site.is_registered(Lease)  # its handle is nobody's to see


def policy(client: Client, address: str) -> dict[str, list[str]]:
    header = client.get(address)["Content-Security-Policy"]
    parts = (part.split() for part in header.split(";"))
    return {name: sources for name, *sources in parts}


def test_the_policy_is_relaxed_in_the_admin_and_nowhere_else(cast: Cast) -> None:
    client = signed_in(cast.acme.owner)
    for address in ("/admin/", "/admin/accounts/credential/", "/admin/accounts/tenant/"):
        found = policy(client, address)
        assert found["script-src"] == ["'self'", "'unsafe-eval'"]
        assert found["style-src"] == ["'self'", "'unsafe-inline'"]
        assert found["default-src"] == ["'self'"]
    for address in ("/", "/history/", "/admin/nowhere/", "/admin/accounts/user/"):
        assert "unsafe" not in str(policy(client, address))


def test_nothing_comes_from_another_host(cast: Cast) -> None:
    client = signed_in(cast.operator)
    for address in ("/admin/", "/admin/accounts/credential/add/", "/admin/accounts/user/"):
        page = client.get(address).text
        assert 'src="http' not in page
        assert 'src="//' not in page
        assert '<link href="http' not in page
        assert "<script>" not in page


def test_the_search_finds_only_what_may_be_seen(cast: Cast) -> None:
    found = signed_in(cast.acme.reviewer).get("/admin/search/", {"s": "s"}).text
    assert "/admin/conversations/conversation/" in found
    assert "/admin/accounts/" not in found
    assert signed_in(cast.acme.owner).get("/admin/search/", {"s": " "}).text == ""
    extended = signed_in(cast.operator).get("/admin/search/", {"s": "user", "extended": "1"})
    assert "/admin/accounts/user/" in extended.text


def test_leaving(cast: Cast) -> None:
    client = signed_in(cast.acme.owner)
    client.post("/admin/logout/")
    assert client.get("/admin/").status_code == 302
