"""The page on which an operator says in which role she looks in, and why."""

import pytest

from accounts.admin.visiting import VisitForm
from accounts.visits import ROLES
from tests.cast import Cast
from tests.conversations.talks import signed_in

pytestmark = pytest.mark.django_db


def test_the_roles_that_are_lent() -> None:
    offered = [value for value, _ in VisitForm().fields["role"].choices]  # type: ignore[attr-defined]
    assert offered == [str(role) for role in ROLES]
    assert "owner" not in offered


def test_the_page_tells_whether_the_tenant_allows_it(cast: Cast) -> None:
    operator, acme = signed_in(cast.operator), cast.acme.tenant
    address = f"/admin/accounts/tenant/{acme.pk}/visit/"
    assert "does not let operators look in" in operator.get(address).text
    assert "Look in…" not in operator.get(f"/admin/accounts/tenant/{acme.pk}/change/").text
    acme.allows_visits = True
    acme.save()
    assert "For 30 minutes you see its pages" in operator.get(address).text
    assert "Look in…" in operator.get(f"/admin/accounts/tenant/{acme.pk}/change/").text
    owner = signed_in(cast.acme.owner)
    assert "Look in…" not in owner.get(f"/admin/accounts/tenant/{acme.pk}/change/").text
    assert owner.get(address).status_code == 403
