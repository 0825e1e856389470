"""The cast is who it says, for the test and for its child processes."""

import os
from pathlib import Path

import pytest
from django.contrib.auth import authenticate

from accounts.api_keys import find_api_key
from accounts.callers import caller_from_api_key, memberships_of
from accounts.roles import Permission, Role
from live.simulator import Simulator
from tests.cast import Cast, Company
from tests.children import Children

COUNT_USERS = "from accounts.models import User; print('users:', User.objects.count())"


def companies(cast: Cast) -> list[Company]:
    return [cast.acme, cast.globex]


def test_each_tenant_has_a_user_for_each_role(cast: Cast) -> None:
    for company in companies(cast):
        for role in Role:
            (membership,) = memberships_of(getattr(company, role.value))
            assert (membership.tenant_id, membership.role) == (company.tenant.pk, role)


def test_an_api_key_speaks_for_its_tenant(cast: Cast) -> None:
    for company in companies(cast):
        caller = caller_from_api_key(company.api_key)
        assert caller is not None
        assert caller.tenant_id == company.tenant.pk
        assert caller.may(Permission.READ_API)
        assert caller.may(Permission.TALK)


def test_the_stranger_belongs_nowhere(cast: Cast) -> None:
    assert memberships_of(cast.stranger) == []
    assert cast.operator.is_superuser
    assert find_api_key("prl_unknown") is None


def test_everybody_signs_in_with_one_password(cast: Cast) -> None:
    assert authenticate(username=cast.acme.member.email, password=cast.password) is not None
    assert authenticate(username=cast.acme.member.email, password="wrong") is None


@pytest.mark.usefixtures("transactional_db")
def test_children_see_the_database_of_the_test(cast: Cast, spawn: Children) -> None:
    child = spawn("shell", "--no-imports", "-c", COUNT_USERS)
    assert child.wait_for(r"users: (\d+)")[1] == str(2 * len(Role) + 2)
    assert child.wait() == 0
    assert child.output in dict(spawn.outputs()).values()


def test_the_keyset_is_the_one_of_the_settings(keyset_file: Path) -> None:
    assert keyset_file == Path(os.environ["KEYSET_FILE"])
    assert keyset_file.is_file()


async def test_the_simulator_runs(simulator: Simulator) -> None:
    assert simulator.url.startswith("http://127.0.0.1:")
