"""System checks that keep every tenant-owned model closed (see `accounts.tenancy`)."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.db import models

from accounts.tenancy import TenantOwned, TenantQuerySet


def check_tenancy(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Report each model that opens a way round its tenant's scope."""
    if app_configs is None:
        found = apps.get_models()
    else:
        found = [model for config in app_configs for model in config.get_models()]
    return [message for model in found for message in model_messages(model)]


def model_messages(model: type[models.Model]) -> Iterator[CheckMessage]:
    if issubclass(model, TenantOwned):
        yield from _open_managers(model)
        yield from _tables_without_tenant(model)
        yield from _open_relations(model)
    else:
        yield from _joins_from_outside(model)


def _open_managers(model: type[TenantOwned]) -> Iterator[CheckMessage]:
    for manager in (*model._meta.managers, model._base_manager):
        queryset_class: type = getattr(manager, "_queryset_class", object)
        if not issubclass(queryset_class, TenantQuerySet):
            yield Error(
                f"The manager {manager.name!r} answers without a tenant scope.",
                hint="Derive it from TenantManager.from_queryset, its queryset from "
                "TenantQuerySet, and Meta from TenantOwned.Meta.",
                obj=model,
                id="accounts.E001",
            )


def _tables_without_tenant(model: type[TenantOwned]) -> Iterator[CheckMessage]:
    if not model._meta.proxy and model._meta.get_field("tenant").model is not model:
        yield Error(
            "The model's own table has no tenant, so the database cannot hold its rows apart.",
            hint="Inherit from an abstract model, or from TenantOwned itself.",
            obj=model,
            id="accounts.E005",
        )


def _open_relations(model: type[TenantOwned]) -> Iterator[CheckMessage]:
    for field in (*model._meta.fields, *model._meta.many_to_many):
        relation = field.remote_field
        if relation is None:
            continue
        if not issubclass(relation.model, TenantOwned) and not relation.hidden:
            yield Error(
                f"{relation.model._meta.label} has no closed manager but could join in.",
                hint='Set related_name="+".',
                obj=field,
                id="accounts.E002",
            )
        through = getattr(relation, "through", None)
        if through is not None and not issubclass(through, TenantOwned):
            yield Error(
                "The rows between the two models have no tenant.",
                hint="Give the field a `through` model that is TenantOwned.",
                obj=field,
                id="accounts.E003",
            )


def _joins_from_outside(model: type[models.Model]) -> Iterator[CheckMessage]:
    if model._meta.auto_created:
        return  # the table of a many-to-many field, which is reported at the field
    for field in (*model._meta.fields, *model._meta.many_to_many):
        if field.remote_field and issubclass(field.remote_field.model, TenantOwned):
            yield Error(
                "A model without a tenant cannot point to tenant-owned rows: it could join in.",
                hint="Make the model TenantOwned.",
                obj=field,
                id="accounts.E004",
            )
