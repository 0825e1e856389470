"""The scope: which tenant's rows the running code may touch (see `accounts.tenancy`)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from uuid import UUID

logger = logging.getLogger(__name__)


# TenancyError
# ├── NoTenantScope    rows were asked for outside any scope
# ├── ScopeConflict    a scope was entered that would widen or leave the current one
# ├── TenantMismatch   a write would touch, or point to, a row of another tenant
# └── RawSqlRefused    hand-written SQL, whose rows cannot be held to a tenant
class TenancyError(Exception):
    """The code touched rows without the right to; always a fault of ours, never of a caller."""


class NoTenantScope(TenancyError):
    """Tenant-owned rows were asked for outside `tenant_scope` and `platform_scope`."""


class ScopeConflict(TenancyError):
    """A tenant's scope was entered inside another tenant's scope."""


class TenantMismatch(TenancyError):
    """A write would touch a row of another tenant, or point to one."""


class RawSqlRefused(TenancyError):
    """`raw()` or `extra()` inside a tenant's scope: its SQL cannot be held to the tenant."""


@dataclass(frozen=True, slots=True)
class TenantScope:
    """Only rows of this tenant."""

    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class PlatformScope:
    """Rows of every tenant, for a stated reason."""

    reason: str


Scope = TenantScope | PlatformScope

_scope: ContextVar[Scope | None] = ContextVar("tenancy_scope", default=None)


def current_scope() -> Scope | None:
    """The scope of the running task or thread, or None outside any."""
    return _scope.get()


def require_scope() -> Scope:
    """The current scope. Raises NoTenantScope when there is none."""
    scope = _scope.get()
    if scope is None:
        raise NoTenantScope(
            "Tenant-owned rows were asked for outside a scope. "
            "Enter tenant_scope(tenant_id), or platform_scope(reason) where no tenant is known."
        )
    return scope


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[TenantScope]:
    """Let the code inside touch the rows of one tenant, and no others.

    It may be entered inside itself and inside a platform scope (which it narrows).
    The scope follows `await`, `sync_to_async` and `in_database`.

    Raises:
        TypeError: `tenant_id` is not a UUID; None never means "every tenant".
        ScopeConflict: another tenant's scope is open.
    """
    if not isinstance(tenant_id, UUID):
        raise TypeError("tenant_scope takes the tenant's UUID")
    current = _scope.get()
    if isinstance(current, TenantScope) and current.tenant_id != tenant_id:
        raise ScopeConflict(
            f"The scope of tenant {current.tenant_id} is open; "
            f"tenant {tenant_id} cannot be entered inside it."
        )
    scope = TenantScope(tenant_id)
    with _entered(scope):
        yield scope


@contextmanager
def platform_scope(reason: str) -> Iterator[PlatformScope]:
    """Let the code inside touch the rows of every tenant. The only bypass.

    `reason` says why, as a constant text: it is logged, so it holds no data. The first entry
    for a reason in a process is logged at INFO; later ones at DEBUG, since a look-up before
    a tenant is known happens at each request, and the renewal of leases each second.

    Raises:
        ValueError: `reason` is blank.
    """
    if not reason.strip():
        raise ValueError("platform_scope needs a reason")
    logger.log(_level_for(reason), "platform scope entered: %s", reason)
    scope = PlatformScope(reason)
    with _entered(scope):
        yield scope


_reasons_logged: set[str] = set()


def _level_for(reason: str) -> int:
    if reason in _reasons_logged:
        return logging.DEBUG
    _reasons_logged.add(reason)
    return logging.INFO


@contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    token: Token[Scope | None] = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
