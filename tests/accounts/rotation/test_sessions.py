import uuid

import pytest

from accounts.rotation.sessions import sessions_on
from accounts.tenancy import platform_scope
from tests.accounts.rotation.bench import sessions

FIRST, SECOND, THIRD = (uuid.uuid4() for _ in range(3))


@pytest.mark.django_db
def test_all_who_host_sessions_are_asked(cast: object) -> None:
    with platform_scope("test"), sessions({FIRST: 2, THIRD: 9}), sessions({FIRST: 1, SECOND: 4}):
        found = sessions_on([FIRST, SECOND])
        assert (found.get(FIRST), found.get(SECOND), found.get(THIRD, 0)) == (3, 4, 0)
