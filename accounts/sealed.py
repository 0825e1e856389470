"""Where sealed secrets lie, in whichever app: each place gives its rows and takes new ones."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from allauth.mfa.models import Authenticator
from django.apps import apps

from accounts.keyset import Binding, SealedField
from accounts.sign_in import SECOND_FACTOR
from accounts.tenancy import platform_scope

# Each batch and each row enters a scope of its own: a scope may hold a transaction open, and
# nobody who talks should wait for one.
_READ = "look through sealed secrets"
_WRITE = "re-seal a secret"


@dataclass(frozen=True, slots=True)
class SealedRow:
    pk: Any
    binding: Binding
    sealed: bytes
    stored: Any  # what the database holds: a row that holds something else has changed


class Place(Protocol):
    """A column, or a part of one, that holds sealed secrets of many rows."""

    @property
    def label(self) -> str:
        """What operators read, such as `accounts.Credential.sealed_secret`."""

    def rows_after(self, pk: Any, limit: int) -> list[SealedRow]:
        """The next rows that hold something; the first ones if `pk` is None."""

    def replace(self, row: SealedRow, sealed: bytes) -> bool:
        """Store `sealed` unless the row has changed meanwhile; whether it was stored."""


def rows_of(place: Place, batch_size: int) -> Iterator[SealedRow]:
    """Every row of a place, read in batches."""
    last = None
    while batch := place.rows_after(last, batch_size):
        yield from batch
        last = batch[-1].pk


def sealed_places() -> list[Place]:
    """Every place where a secret is sealed: the columns of all models, and second factors."""
    fields = [
        field
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField)
    ]
    return [*map(Column, fields), SecondFactors("secret"), SecondFactors("seed")]


@dataclass(frozen=True, slots=True)
class Column:
    """A SealedField of a model."""

    field: SealedField

    @property
    def label(self) -> str:
        return str(self.field)

    def rows_after(self, pk: Any, limit: int) -> list[SealedRow]:
        names = ("pk", "tenant_id", self.field.row_attribute, self.field.attname)
        with platform_scope(_READ):
            filled = self.field.model._base_manager.exclude(
                **{f"{self.field.name}__isnull": True}
            ).exclude(**{self.field.name: b""})
            rows = filled if pk is None else filled.filter(pk__gt=pk)
            found = list(rows.order_by("pk").values_list(*names)[:limit])
        return [
            SealedRow(key, self.field.binding(tenant_id, row_id), bytes(sealed), bytes(sealed))
            for key, tenant_id, row_id, sealed in found
        ]

    def replace(self, row: SealedRow, sealed: bytes) -> bool:
        with platform_scope(_WRITE):
            same = self.field.model._base_manager.filter(pk=row.pk, **{self.field.name: row.stored})
            return bool(same.update(**{self.field.name: sealed}))


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """What allauth keeps of an authenticator app ("secret") and of recovery codes ("seed"),
    inside a JSON column of its own."""

    key: str

    @property
    def label(self) -> str:
        return f"mfa.Authenticator.data.{self.key}"

    def rows_after(self, pk: Any, limit: int) -> list[SealedRow]:
        rows = Authenticator.objects.filter(pk__gt=pk or 0, data__has_key=self.key)
        found = list(rows.order_by("pk").values_list("pk", "data")[:limit])
        return [self._row(pk, data) for pk, data in found]

    def _row(self, pk: int, data: dict[str, Any]) -> SealedRow:
        try:
            sealed = base64.b64decode(data[self.key], validate=True)
        except ValueError:
            sealed = b""  # nothing that a keyset has sealed
        return SealedRow(pk, SECOND_FACTOR, sealed, data)

    def replace(self, row: SealedRow, sealed: bytes) -> bool:
        data = {**row.stored, self.key: base64.b64encode(sealed).decode()}
        same = Authenticator.objects.filter(pk=row.pk, data=row.stored)
        return bool(same.update(data=data))
