import io

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.audit import SYSTEM, record
from accounts.audit.place import Place, at_place
from accounts.models import AppendOnly, AuditEntry, Membership, Tenant, User
from accounts.tenancy import NoTenantScope, TenantMismatch, platform_scope, tenant_scope
from tests.cast import Cast


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


def test_an_entry_says_where_it_came_from(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        with at_place(Place("2001:db8::1", "Firefox", "r1")):
            entry = record("probe.made", actor=SYSTEM)
        entry.refresh_from_db()
        nowhere = record("probe.made", actor=SYSTEM)
        nowhere.refresh_from_db()
    assert (entry.ip, entry.user_agent, entry.request_id) == ("2001:db8::1", "Firefox", "r1")
    assert (nowhere.ip, nowhere.user_agent, nowhere.request_id) == (None, "", "")


def test_no_entry_and_no_export_holds_a_secret(client: Client, cast: Cast) -> None:
    """Whatever callers send on the way to an entry: passwords, keys, cookies."""
    user, key = cast.acme.reviewer, cast.acme.api_key
    for typed, password in (
        (user.email, "canary-password"),
        ("canary-password-in-the-address", "x"),
        (user.email, cast.password),
    ):
        client.post("/login/", {"login": typed, "username": typed, "password": password})
    assert client.session.get("_auth_user_id") == str(user.pk)
    made, text = create_api_key(cast.acme.tenant, "new", ["read"], created_by=user)
    for header in (key, text, f"{text}x"):
        client.get("/api/v1/conversations/", headers={"Authorization": f"Bearer {header}"})
    revoke_api_key(made, f"user:{user.pk}")
    session = client.session.session_key
    client.post("/logout/")
    with platform_scope("test"):
        told = str(list(AuditEntry.objects.values()))
    for whose in (["--tenant", "acme"], ["--platform"]):
        out = io.StringIO()
        call_command("audit", "export", *whose, stdout=out, stderr=io.StringIO())
        told += out.getvalue()
    assert all(action in told for action in ("sign-in-refused", "signed-in", "signed-out"))
    secrets = (cast.password, "canary", key.split("_")[2], text.split("_")[2], session)
    assert [secret for secret in secrets if str(secret) in told] == []
