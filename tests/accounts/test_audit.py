import pytest
from django.db import transaction

from accounts.audit import SYSTEM, record
from accounts.models import AppendOnly, AuditEntry, Membership, Tenant, User
from accounts.tenancy import NoTenantScope, TenantMismatch, platform_scope, tenant_scope


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


def test_an_entry_names_its_subject_and_tenant(tenant: Tenant) -> None:
    user = User.objects.create(email="a@acme.example")
    with platform_scope("test"):
        membership = Membership.objects.create(tenant=tenant, user=user)
        entry = record(
            "membership.changed",
            membership,
            actor=f"user:{user.pk}",
            before={"role": "member"},
            after={"role": "owner"},
            reason="asked by phone",
        )
        entry.refresh_from_db()
    assert entry.tenant_id == tenant.pk
    assert (entry.object_type, entry.object_id) == ("accounts.membership", str(membership.pk))
    assert (entry.before, entry.after) == ({"role": "member"}, {"role": "owner"})


def test_the_tenant_of_an_entry(tenant: Tenant) -> None:
    user = User.objects.create(email="a@acme.example")
    with platform_scope("test"):
        assert record("tenant.suspended", tenant, actor=SYSTEM).tenant_id == tenant.pk
        assert record("user.created", user, actor=SYSTEM).tenant_id is None
    with tenant_scope(tenant.pk):
        assert record("log.exported", actor=SYSTEM).tenant_id == tenant.pk
        assert AuditEntry.objects.count() == 2


def test_no_entry_outside_its_scope(tenant: Tenant) -> None:
    with pytest.raises(NoTenantScope):
        record("tenant.suspended", tenant, actor=SYSTEM)
    other = Tenant.objects.create(slug="globex", name="Globex")
    with tenant_scope(other.pk), pytest.raises(TenantMismatch):
        record("tenant.suspended", tenant, actor=SYSTEM)


def test_entries_are_only_appended(tenant: Tenant) -> None:
    with platform_scope("test"):
        entry = record("tenant.suspended", tenant, actor=SYSTEM)
        entry.action = "nothing happened"
        for act in (
            entry.save,
            entry.delete,
            AuditEntry.objects.all().delete,
            lambda: AuditEntry.objects.update(action="nothing happened"),
            lambda: AuditEntry.objects.bulk_update([entry], ["action"]),
        ):
            with pytest.raises(AppendOnly), transaction.atomic():
                act()
        assert AuditEntry.objects.get().action == "tenant.suspended"
