"""The model field for what is sealed. It knows the place that its content is bound to."""

from typing import Any, cast
from uuid import UUID

from django.db import models

from accounts.keyset.sealing import Binding, seal, unseal


class SealedField(models.BinaryField):  # type: ignore[type-arg]  # no generic class at run time
    """A ciphertext in the database; `seal` and `unseal` go between it and the secret.

    The rotation of the keyset finds every sealed column by this class, so nothing else may hold
    what `accounts.keyset.seal` gives. A migration sees a plain BinaryField.

    Args:
        purpose: names the column within its row, for good: changing it locks out what is sealed.
        row: the attribute whose UUID names the row.
    """

    def __init__(self, *, purpose: str, row: str = "pk", **options: Any) -> None:
        super().__init__(**options)
        self.purpose = purpose
        self.row = row

    def deconstruct(self) -> Any:
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.BinaryField", args, options

    def clone(self) -> "SealedField":
        _, _, _, options = self.deconstruct()
        return SealedField(purpose=self.purpose, row=self.row, **options)

    @property
    def row_attribute(self) -> str:
        """The field whose value names the row."""
        return self.model._meta.pk.attname if self.row == "pk" else self.row

    def binding(self, tenant_id: UUID, row_id: UUID) -> Binding:
        return Binding(tenant_id, row_id, self.purpose)

    def seal(self, row: models.Model, secret: bytes) -> bytes:
        """Seal for the column's place in `row`, which is not changed. Raises KeysetUnreadable."""
        return seal(secret, self._binding_in(row))

    def unseal(self, row: models.Model) -> bytes:
        """Open what `row` holds. Raises Unsealable and KeysetUnreadable."""
        return unseal(bytes(getattr(row, self.attname)), self._binding_in(row))

    def _binding_in(self, row: models.Model) -> Binding:
        owned = cast("Any", row)
        return self.binding(owned.tenant_id, getattr(row, self.row_attribute))
