"""The rows of the audit: entries, which are only appended, and the chain that seals them.

The database itself refuses what this module forbids (triggers, migration 0002): neither SQL by
hand nor another program changes or deletes an entry.
"""

from typing import Any, TypeVar

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from accounts.tenancy import TenantManager, TenantOwned, TenantQuerySet

_Row_co = TypeVar("_Row_co", bound="AppendOnlyRow", covariant=True)


class AppendOnly(Exception):
    """A row of the audit was about to be changed or deleted."""


class AppendOnlyQuerySet(TenantQuerySet[_Row_co]):
    def update(self, **kwargs: Any) -> int:
        raise AppendOnly(f"{self.model._meta.verbose_name_plural} are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly(f"{self.model._meta.verbose_name_plural} are never deleted.")

    delete.queryset_only = True  # type: ignore[attr-defined]


# The plugin sees `as_manager` change its type in one order of checking and not in the other.
class AuditQuerySet(AppendOnlyQuerySet["AuditEntry"]):  # type: ignore[override,unused-ignore]
    def with_seals(self) -> "AuditQuerySet":
        """Give each entry `seal_number`: the number of its seal, or None while it waits."""
        link = AuditLink.objects.filter(pk=OuterRef("pk"))
        return self.annotate(seal_number=Subquery(link.values("number")[:1]))


class SealQuerySet(AppendOnlyQuerySet["AuditSeal"]):  # type: ignore[override,unused-ignore]
    pass


SealManager = TenantManager.from_queryset(SealQuerySet)
AuditManager = TenantManager.from_queryset(AuditQuerySet)


class AuditRow(TenantOwned):
    """A row of a tenant's audit, or of the platform's own, which has no tenant."""

    tenant = models.ForeignKey(  # type: ignore[assignment]
        "accounts.Tenant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta(TenantOwned.Meta):
        abstract = True


class AppendOnlyRow(AuditRow):
    # On PostgreSQL the application's role is granted no more (`accounts.postgresql`).
    database_privileges = ("SELECT", "INSERT")

    class Meta(AuditRow.Meta):
        abstract = True

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(f"{self._meta.verbose_name_plural} are never changed.")
        super().save_base(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly(f"{self._meta.verbose_name_plural} are never deleted.")


class AuditEntry(AppendOnlyRow):
    """Who did what to which object, from where, and what it looked like before and after.

    Entries are appended by `accounts.audit.record` and never changed. Actor and object are
    kept as text, not as foreign keys: an entry outlives them. A new field needs a new form in
    `accounts.audit.chain`, so that seals cover it.
    """

    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.CharField(max_length=64, help_text="user:<id>, key:<id>, system or anonymous.")
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    # Where: empty for what tasks and commands do.
    ip = models.GenericIPAddressField("IP address", null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField("request", max_length=64, blank=True)

    objects = AuditManager()  # type: ignore[misc]

    class Meta(AppendOnlyRow.Meta):
        verbose_name_plural = "audit entries"
        indexes = (models.Index(fields=("tenant", "-at"), name="audit_tenant_at"),)

    def __str__(self) -> str:
        return f"{self.action} {self.object_type}"


class AuditSeal(AppendOnlyRow):
    """One link of a chain: a hash over a batch of entries and over the seal before.

    `accounts.audit.chain` says what the hash covers, `accounts.audit.sealing` how seals are made.
    """

    number = models.PositiveIntegerField(help_text="1, 2, 3 … within a tenant.")
    at = models.DateTimeField()
    form = models.PositiveSmallIntegerField(help_text="Which fields of an entry are covered.")
    count = models.PositiveIntegerField(help_text="How many entries it covers.")
    is_complete = models.BooleanField(help_text="No other entry was waiting when it was made.")
    previous = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = SealManager()  # type: ignore[misc]

    class Meta(AppendOnlyRow.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "number"), name="audit_seal_number"),
            models.UniqueConstraint(
                fields=("number",), condition=Q(tenant=None), name="audit_platform_seal_number"
            ),
        )

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditLink(AuditRow):
    """An entry's place in the chain. It has the entry's id, and is empty until it is sealed.

    A trigger makes it together with its entry, in one transaction. It is no foreign key: it has
    to outlive an entry that somebody deletes, so that the entry is missed.
    """

    database_privileges = ("SELECT", "INSERT", "UPDATE (number, position, hash)")

    number = models.PositiveIntegerField(null=True, help_text="The seal's number.")
    position = models.PositiveIntegerField(null=True, help_text="0, 1, 2 … within the seal.")
    hash = models.CharField(max_length=64, blank=True, help_text="The entry's.")

    class Meta(AuditRow.Meta):
        indexes = (
            models.Index(
                fields=("tenant", "id"), condition=Q(number=None), name="audit_link_waiting"
            ),
            models.Index(fields=("tenant", "number", "position"), name="audit_link_sealed"),
        )
