import pytest
from django.test import RequestFactory

from accounts.admin.visitors import actor_of, caller_of, is_operator, may
from accounts.callers import Caller
from accounts.roles import Permission, Role
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_the_scope_decides(cast: Cast, rf: RequestFactory) -> None:
    request = rf.get("/admin/")
    request.user = cast.acme.reviewer
    with platform_scope("test"):
        assert is_operator(request)
        assert may(request, None)
    caller = Caller(cast.acme.tenant.pk, cast.acme.reviewer.pk, role=Role.REVIEWER)
    request.caller = caller  # type: ignore[attr-defined]
    with tenant_scope(cast.acme.tenant.pk):
        assert not is_operator(request)
        assert may(request, Permission.REVIEW_CONVERSATIONS)
        assert not may(request, Permission.MANAGE_AGENTS)
        assert not may(request, None)
    assert not is_operator(request)
    assert caller_of(request) == caller
    assert actor_of(request) == f"user:{cast.acme.reviewer.pk}"
