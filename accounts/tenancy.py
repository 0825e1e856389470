"""Tenancy: whose rows the running code may touch.

Three rules, each kept at one place:

1. A queryset of a tenant-owned model cannot be *built* outside a scope. Whatever reads or
   writes rows (sync, async, iteration, subquery, foreign key, cascade) needs a queryset
   first, so none of them needs a rule of its own. The tenant's filter is part of the
   queryset from its first moment and stays in it. One that is evaluated later, elsewhere or
   after unpickling answers in its own tenant's scope and in a platform scope, nowhere else.
2. A row is written only under its own tenant, and its foreign keys point to rows of the
   same tenant. So following a foreign key (`select_related` too) never leaves the tenant.
3. Scopes nest but never widen by accident: inside tenant A nothing enters tenant B.
   `platform_scope(reason)` is the only way out, and it is logged.

The manager is the base manager as well (`base_manager_name`), because Django uses that one
for foreign-key access, `refresh_from_db`, `save` and cascades. `accounts.checks` refuses a
model that has another one, or a relation by which an unscoped model could join in.

What stays open here is deliberate code: SQL on a cursor, a `sql.Query` built by hand, and the
lookup name `+`, by which Django itself still finds a hidden relation. On PostgreSQL row security
holds these to the scope too (`accounts.postgresql`).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db import models
from django.db.models import Q, sql

from accounts.ids import uuid7
from accounts.scopes import (
    NoTenantScope,
    PlatformScope,
    RawSqlRefused,
    Scope,
    ScopeConflict,
    TenancyError,
    TenantMismatch,
    TenantScope,
    current_scope,
    platform_scope,
    require_scope,
    tenant_scope,
)

__all__ = [
    "NoTenantScope",
    "PlatformScope",
    "RawSqlRefused",
    "Scope",
    "ScopeConflict",
    "TenancyError",
    "TenantManager",
    "TenantMismatch",
    "TenantOwned",
    "TenantQuerySet",
    "TenantScope",
    "check_rows",
    "current_scope",
    "is_tenant_link",
    "platform_scope",
    "require_scope",
    "tenant_scope",
]

_Row_co = TypeVar("_Row_co", bound="TenantOwned", covariant=True)


class TenantQuery(sql.Query):
    """The query of a TenantQuerySet: it runs only where the scope it was built in reaches."""

    scope: Scope | None = None

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        current = require_scope()
        if not isinstance(current, PlatformScope) and self.scope not in {None, current}:
            raise TenantMismatch("This queryset was built in another scope: it has no rows here.")
        return super().get_compiler(*args, **kwargs)


class TenantQuerySet(models.QuerySet[_Row_co]):
    """A queryset that carries its scope's filter from its construction on."""

    _scope: Scope | None = None
    # Set on the clone that bulk_update works with: its rows' foreign keys were checked.
    _links_checked = False

    def __init__(
        self,
        model: type[models.Model] | None = None,
        query: Any = None,
        using: str | None = None,
        hints: dict[str, models.Model] | None = None,
    ) -> None:
        # With a query it is a clone (the filter is in the query), without a model a deepcopy.
        is_new = model is not None and query is None
        own = TenantQuery(model) if is_new else query
        super().__init__(model, own, using, hints)
        if is_new:
            self._scope = own.scope = require_scope()
            if isinstance(self._scope, TenantScope):
                self.query.add_q(Q(tenant=self._scope.tenant_id))

    def _clone(self) -> "TenantQuerySet[_Row_co]":
        clone: TenantQuerySet[_Row_co] = super()._clone()  # type: ignore[misc]
        clone._scope = self._scope
        clone._links_checked = self._links_checked
        return clone

    def _scope_for_write(self) -> Scope:
        """The scope a write runs under: the narrower of the queryset's and the current one."""
        current = require_scope()
        held = self._scope or current
        if isinstance(current, TenantScope) and held != current:
            raise TenantMismatch("This queryset was built in another scope: it cannot write here.")
        return held

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse_raw_sql("raw")
        return super().raw(*args, **kwargs)

    def extra(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse_raw_sql("extra")
        return super().extra(*args, **kwargs)

    def _refuse_raw_sql(self, method: str) -> None:
        if not isinstance(require_scope(), PlatformScope):
            raise RawSqlRefused(f"{method}() cannot be held to a tenant; it needs platform_scope.")

    def bulk_create(
        self,
        objs: Iterable[_Row_co],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[_Row_co]:
        rows = list(objs)
        self._scope_for_write()
        check_rows(rows, self.model._meta.concrete_fields)
        if update_conflicts:
            self._check_conflicts(update_fields or (), unique_fields or ())
        return super().bulk_create(
            rows, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
        )

    def _check_conflicts(self, updated: Collection[str], unique: Collection[str]) -> None:
        """A conflicting row is updated without a filter, so the conflict has to prove its tenant:
        by the tenant itself, or by a foreign key that was checked to be of the tenant."""
        fields = [self.model._meta.get_field(name) for name in unique if name != "pk"]
        if not any(field.name == "tenant" or is_tenant_link(field) for field in fields):
            raise TenantMismatch(
                "bulk_create(update_conflicts=True) needs the tenant, or a foreign key "
                "to a tenant-owned model, among its unique_fields."
            )
        _refuse_tenant(updated)

    def bulk_update(
        self,
        objs: Iterable[_Row_co],
        fields: Iterable[str],
        batch_size: int | None = None,
    ) -> int:
        rows, names = list(objs), list(fields)
        self._scope_for_write()
        _refuse_tenant(names)
        check_rows(rows, [self.model._meta.get_field(name) for name in names])
        checked = self._clone()
        checked._links_checked = True  # noqa: SLF001 - a clone of our own
        return super(TenantQuerySet, checked).bulk_update(rows, names, batch_size)

    def update(self, **kwargs: Any) -> int:
        """Django's update. It raises TenantMismatch for the tenant and for another tenant's row
        as a foreign key. In a platform scope it leaves alone the rows of tenants other than
        the foreign key's."""
        scope = self._scope_for_write()
        _refuse_tenant(kwargs)
        rows = self
        for name, value in kwargs.items():
            field = self.model._meta.get_field(name)
            if value is None or self._links_checked or not is_tenant_link(field):
                continue
            tenant_id = _tenant_of_link(field, value)
            if isinstance(scope, PlatformScope):
                rows = rows.filter(tenant=tenant_id)
            elif tenant_id != scope.tenant_id:
                raise TenantMismatch(f"{name} points to a row of another tenant, or to none.")
        self._result_cache = None
        return super(TenantQuerySet, rows).update(**kwargs)

    def _update(self, values: Any) -> int:
        # `save` of an existing row comes here. Its tenant belongs to the condition, so that a
        # changed tenant finds no row, also in a platform scope.
        rows = self
        for field, _, value in values:
            if field.name == "tenant":
                rows = rows.filter(tenant=value)
        return super(TenantQuerySet, rows)._update(values)  # type: ignore[misc,no-any-return]

    def delete(self) -> tuple[int, dict[str, int]]:
        self._scope_for_write()
        return super().delete()

    # Django's own marks: `delete` is not offered by managers, `_update` is.
    delete.queryset_only = True  # type: ignore[attr-defined]
    _update.queryset_only = False  # type: ignore[attr-defined]


class TenantManager(models.Manager[_Row_co]):
    """The closed manager: every method raises NoTenantScope outside a scope.

    A model with queryset methods of its own derives its queryset from TenantQuerySet and
    uses `TenantManager.from_queryset(...)()` for `objects`.
    """

    # Every method of a manager begins with a new queryset of this class.
    _queryset_class = TenantQuerySet


class TenantOwned(models.Model):
    """A row that belongs to one tenant, for good.

    A row made inside a tenant's scope without a tenant gets that tenant when it is saved.
    `save`, `delete` and the bulk methods raise TenantMismatch when the row, or a row it
    points to, belongs to another tenant than allowed. A foreign key whose row is not in
    memory costs one query for each such field of a save or bulk call.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # No relation back: `Tenant` has no closed manager, so it must not be able to join.
    tenant = models.ForeignKey("accounts.Tenant", on_delete=models.PROTECT, related_name="+")

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save_base(
        self,
        raw: bool = False,
        force_insert: bool | tuple[models.base.ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        check_rows([self], self._fields_to_write(update_fields))
        super().save_base(raw, force_insert, force_update, using, update_fields)

    def _fields_to_write(self, names: Iterable[str] | None) -> list[Any]:
        if names is not None:
            return [self._meta.get_field(name) for name in names]
        deferred = self.get_deferred_fields()
        return [field for field in self._meta.concrete_fields if field.attname not in deferred]

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        # A single row without cascades is deleted by its key alone, past every manager.
        check_rows([self], [])
        return super().delete(using, keep_parents)


def is_tenant_link(field: Any) -> bool:
    """Whether a model field is a foreign key to a tenant-owned model."""
    return isinstance(field, models.ForeignKey) and issubclass(
        field.remote_field.model, TenantOwned
    )


def check_rows(rows: Sequence[TenantOwned], fields: Iterable[Any]) -> None:
    """Check that `rows` may be written here, and that the foreign keys among `fields` point to
    rows of the same tenant. Rows without a tenant get the scope's.

    Raises:
        NoTenantScope: there is no scope.
        TenantMismatch: a row, or one it points to, is another tenant's.
    """
    scope = require_scope()
    for row in rows:
        _claim(row, scope)
    for field in fields:
        if is_tenant_link(field):
            _check_link(field, rows)


def _refuse_tenant(fields_to_change: Iterable[str]) -> None:
    if {"tenant", "tenant_id"} & set(fields_to_change):
        raise TenantMismatch("The tenant of a row never changes.")


def _claim(row: TenantOwned, scope: Scope) -> None:
    if isinstance(scope, PlatformScope):
        return
    tenant_id = _as_uuid(row.tenant_id)
    if tenant_id is None:
        row.tenant_id = scope.tenant_id
    elif tenant_id != scope.tenant_id:
        raise TenantMismatch(
            f"A {row._meta.label} of another tenant cannot be written in the scope "
            f"of tenant {scope.tenant_id}."
        )


def _check_link(field: Any, rows: Sequence[TenantOwned]) -> None:
    unknown: list[TenantOwned] = []
    for row in rows:
        related = field.get_cached_value(row, default=None)
        if related is None or related.pk != getattr(row, field.attname):
            unknown.append(row)
        elif related.tenant_id != _as_uuid(row.tenant_id):
            raise _link_mismatch(field)
    keys = {getattr(row, field.attname) for row in unknown} - {None}
    if not keys:
        return
    tenants = _tenants_by_key(field, keys)
    for row in unknown:
        key = getattr(row, field.attname)
        if key is not None and tenants.get(str(key)) != _as_uuid(row.tenant_id):
            raise _link_mismatch(field)


def _tenants_by_key(field: Any, keys: Collection[Any]) -> dict[str, UUID]:
    target = field.target_field.attname
    rows = field.remote_field.model._base_manager.filter(**{f"{target}__in": keys})
    return {str(key): tenant_id for key, tenant_id in rows.values_list(target, "tenant_id")}


def _tenant_of_link(field: Any, value: Any) -> UUID | None:
    if isinstance(value, TenantOwned):
        return value.tenant_id
    if hasattr(value, "resolve_expression"):
        raise TenantMismatch(
            f"{field.name} is set by an expression, whose tenant cannot be known: give the row."
        )
    return _tenants_by_key(field, [value]).get(str(value))


def _link_mismatch(field: Any) -> TenantMismatch:
    return TenantMismatch(f"{field} points to a row of another tenant, or to none.")


def _as_uuid(value: UUID | str | None) -> UUID | None:
    return UUID(value) if isinstance(value, str) else value
