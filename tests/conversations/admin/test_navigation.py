import pytest

from accounts.models import User
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db
LINKS = (
    "agent",
    "conversation",
    "credential",
    "apikey",
    "membership",
    "user",
    "tenant",
    "usageday",
    "price",
)


def links(user: User) -> set[str]:
    page = signed_in(user).get("/admin/").text
    return {name for name in LINKS if f'/{name}/" class="flex' in page}


def test_each_role_finds_what_it_may_see(cast: Cast) -> None:
    acme = cast.acme
    assert links(cast.operator) == set(LINKS)
    assert links(acme.owner) == set(LINKS) - {"user", "price"}
    assert links(acme.developer) == {"agent", "apikey"}
    assert links(acme.reviewer) == {"agent", "conversation"}


def test_it_says_whose_it_is(cast: Cast) -> None:
    assert "Platform" in signed_in(cast.operator).get("/admin/").text
    assert "Acme" in signed_in(cast.acme.owner).get("/admin/").text


def test_the_site_leads_there_who_may_enter(cast: Cast) -> None:
    for user in (cast.acme.owner, cast.acme.reviewer):
        assert 'href="/admin/"' in signed_in(user).get("/").text
    assert 'href="/admin/"' not in signed_in(cast.acme.member).get("/").text
