from datetime import timedelta

import pytest

from accounts.failover.choice import (
    credential_in_use,
    failing_at,
    in_order,
    is_resting,
    is_usable,
    usable_at,
    usable_ones,
)
from accounts.models import Credential
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.failover.rows import NOW, credential
from tests.cast import Cast

State = Credential.State
LATER, BEFORE = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("state", "is_primary", "rests_until", "usable"),
    [
        (State.ACTIVE, False, None, True),
        (State.PENDING, True, None, True),
        (State.PENDING, False, None, False),
        (State.RETIRING, True, None, True),
        (State.RETIRING, False, None, False),
        (State.FAILING, True, None, False),
        (State.FAILING, True, LATER, False),
        (State.FAILING, True, NOW, True),
        (State.FAILING, False, BEFORE, True),
        (State.REVOKED, True, None, False),
        (State.UNDECRYPTABLE, True, None, False),
    ],
)
@pytest.mark.django_db
def test_what_may_be_used(
    cast: Cast, state: State, is_primary: bool, rests_until: object, usable: bool
) -> None:
    with platform_scope("test"):
        row = credential(
            cast.acme.tenant, state=state, is_primary=is_primary, rests_until=rests_until
        )
        assert is_usable(row, NOW) is usable
        assert Credential.objects.filter(usable_at(NOW)).exists() is usable
        fails = state in (State.FAILING, State.UNDECRYPTABLE) and not usable
        assert Credential.objects.filter(failing_at(NOW)).exists() is fails
    assert is_resting(row, NOW) is (rests_until == LATER)


def test_the_primary_comes_first_then_the_standbys_in_their_order() -> None:
    rows = [
        credential(name="late", position=2, created_at=LATER),
        credential(name="early", position=2),
        credential(name="first", position=1, created_at=LATER),
        credential(name="primary", position=9, is_primary=True),
    ]
    assert [row.name for row in in_order(rows)] == ["primary", "first", "early", "late"]
    rows[3].state = State.FAILING
    assert [row.name for row in usable_ones(rows, NOW)] == ["first", "early", "late"]


@pytest.mark.django_db
def test_what_a_conversation_would_begin_on(cast: Cast) -> None:
    tenant = cast.acme.tenant
    with tenant_scope(tenant.pk):
        assert credential_in_use(NOW) is None
        first = credential(tenant, name="first", is_primary=True, state=State.FAILING)
        assert credential_in_use(NOW) == first, "the one to be looked at"
        standby = credential(tenant, name="standby", state=State.ACTIVE)
        assert credential_in_use(NOW) == standby
        Credential.objects.filter(pk=first.pk).update(state=State.ACTIVE)
        assert credential_in_use(NOW) == first
    with tenant_scope(cast.globex.tenant.pk):
        assert credential_in_use(NOW) is None
