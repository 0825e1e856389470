import asyncio
import logging
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async

from accounts.ids import uuid7
from accounts.scopes import (
    NoTenantScope,
    PlatformScope,
    ScopeConflict,
    TenantScope,
    current_scope,
    platform_scope,
    require_scope,
    tenant_scope,
)


def test_no_scope() -> None:
    assert current_scope() is None
    with pytest.raises(NoTenantScope):
        require_scope()


def test_scope_is_entered_and_left() -> None:
    tenant_id = uuid7()
    assert current_scope() is None
    with tenant_scope(tenant_id):
        assert current_scope() == TenantScope(tenant_id)
        with tenant_scope(tenant_id):
            assert current_scope() == TenantScope(tenant_id)
        assert current_scope() == TenantScope(tenant_id)
    assert current_scope() is None


@pytest.mark.parametrize("wrong", [None, "", "a name", 7])
def test_scope_takes_nothing_but_a_tenant(wrong: Any) -> None:
    with pytest.raises(TypeError), tenant_scope(wrong):
        pass
    assert current_scope() is None


def test_another_tenant_inside_a_tenant_is_a_conflict() -> None:
    with tenant_scope(uuid7()) as outer:
        with pytest.raises(ScopeConflict), tenant_scope(uuid7()):
            pass
        assert current_scope() == outer


def test_platform_scope_widens_and_a_tenant_narrows_it() -> None:
    first, second = uuid7(), uuid7()
    with tenant_scope(first), platform_scope("test"):
        assert current_scope() == PlatformScope("test")
        with tenant_scope(second):
            assert current_scope() == TenantScope(second)


@pytest.mark.parametrize("blank", ["", "  "])
def test_platform_scope_needs_a_reason(blank: str) -> None:
    with pytest.raises(ValueError, match="reason"), platform_scope(blank):
        pass


def test_platform_scope_is_logged_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    reason = f"test {uuid7()}"
    with caplog.at_level(logging.DEBUG, "accounts.scopes"):
        for _ in range(2):
            with platform_scope(reason):
                pass
    assert [(record.levelname, reason in record.getMessage()) for record in caplog.records] == [
        ("INFO", True),
        ("DEBUG", True),
    ]


async def test_scopes_of_concurrent_tasks_are_apart() -> None:
    entered = asyncio.Barrier(2)

    async def visit(tenant_id: UUID) -> bool:
        with tenant_scope(tenant_id):
            await entered.wait()
            seen_in_thread = await sync_to_async(current_scope)()
            return current_scope() == seen_in_thread == TenantScope(tenant_id)

    assert all(await asyncio.gather(visit(uuid7()), visit(uuid7())))
    assert current_scope() is None
