import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.api_keys import (
    OVERLAP,
    NoNetwork,
    create_api_key,
    find_api_key,
    networks_in,
    revoke_api_key,
    rotate_api_key,
    save_new_api_key,
)
from accounts.audit.place import Place, at_place
from accounts.callers import AddressNotAllowed, caller_from_api_key
from accounts.ids import uuid7
from accounts.models import ApiKey, AuditEntry, Tenant, User
from accounts.tenancy import ScopeConflict, TenantMismatch, platform_scope, tenant_scope

NOW = timezone.now()


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(slug="acme", name="Acme")


def test_the_text_opens_and_is_not_stored(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "CI", ["read"])
    assert re.fullmatch(rf"prl_{key.prefix}_[0-9a-f]{{64}}", text)
    found = find_api_key(text)
    assert found == key
    assert found.tenant == tenant
    secret = text.rsplit("_", 1)[1]
    with platform_scope("test"):
        for table in (ApiKey, AuditEntry):
            assert secret not in str(list(table.objects.values()))


def test_scopes_and_author(tenant: Tenant) -> None:
    author = User.objects.create(email="dev@acme.example")
    key, _ = create_api_key(tenant, "CI", ["talk", "read", "talk"], created_by=author)
    assert key.scopes == ["read", "talk"]
    with tenant_scope(tenant.pk):
        entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor) == ("api-key.created", f"user:{author.pk}")


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "root"]])
def test_scopes_have_to_be_known(tenant: Tenant, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="read, talk"):
        create_api_key(tenant, "CI", scopes)


def test_no_key_of_another_tenant_is_made(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="globex", name="Globex")
    with tenant_scope(other.pk), pytest.raises(ScopeConflict):
        create_api_key(tenant, "CI", ["read"])
    with tenant_scope(other.pk), pytest.raises(TenantMismatch):
        ApiKey(tenant=tenant, prefix="x").save()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.upper(),
        lambda text: text + "\n",
        lambda text: text.removeprefix("prl_"),
        lambda text: "prl_" + "0" * 12 + text[16:],
        lambda text: text + "0",
        lambda _: "",
        lambda _: "prl_\u0661_x",
    ],
)
def test_nothing_else_opens(tenant: Tenant, damage: Callable[[str], str]) -> None:
    _, text = create_api_key(tenant, "CI", ["read"])
    assert find_api_key(damage(text)) is None


def test_expiry(tenant: Tenant) -> None:
    _, text = create_api_key(tenant, "CI", ["read"], expires_at=NOW)
    assert find_api_key(text, now=NOW - timedelta(seconds=1)) is not None
    assert find_api_key(text, now=NOW) is None


def test_revocation_is_for_good(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "CI", ["read"])
    assert revoke_api_key(key, "system", now=NOW)
    assert find_api_key(text) is None
    assert not revoke_api_key(key, "system", now=NOW + timedelta(days=1))
    with tenant_scope(tenant.pk):
        key.refresh_from_db()
        actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
        assert list(actions) == ["api-key.created", "api-key.revoked"]
    assert key.revoked_at == NOW


def test_last_use_is_noted_at_most_once_a_minute(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "CI", ["read"])

    def last_use_after(seconds: int) -> float:
        find_api_key(text, now=NOW + timedelta(seconds=seconds))
        with tenant_scope(tenant.pk):
            key.refresh_from_db()
        assert key.last_used_at is not None
        return (key.last_used_at - NOW).total_seconds()

    assert [last_use_after(s) for s in (0, 30, 59, 60, 61)] == [0, 0, 0, 60, 60]


def test_a_use_that_fails_is_not_noted(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "CI", ["read"], expires_at=NOW)
    find_api_key(text, now=NOW)
    find_api_key(text[:-4] + "0000", now=NOW - timedelta(days=1))
    with tenant_scope(tenant.pk):
        key.refresh_from_db()
    assert key.last_used_at is None


def test_a_stored_key_is_not_made_new(tenant: Tenant) -> None:
    key, _ = create_api_key(tenant, "CI", ["read"])
    with pytest.raises(IntegrityError), transaction.atomic():
        save_new_api_key(key)


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", []),
        ("203.0.113.7", ["203.0.113.7/32"]),
        ("203.0.113.9/24\n2001:db8::/32", ["203.0.113.0/24", "2001:db8::/32"]),
        ("10.0.0.1, 10.0.0.1", ["10.0.0.1/32"]),
    ],
)
def test_networks_as_people_write_them(text: str, networks: list[str]) -> None:
    assert networks_in(text) == networks


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(NoNetwork, match=r"^example\.com$"):
        networks_in("10.0.0.0/8 example.com")


@pytest.mark.parametrize(
    ("address", "admitted"),
    [("203.0.113.77", True), ("203.0.114.1", False), ("2001:db8::1", False), (None, False)],
)
def test_a_key_is_for_its_networks(tenant: Tenant, address: str | None, admitted: bool) -> None:
    key, text = create_api_key(tenant, "CI", ["read"], networks=networks_in("203.0.113.0/24"))
    assert key.admits(address) is admitted
    assert ApiKey(networks=[]).admits(address)
    with at_place(Place(ip=address)):
        if admitted:
            assert caller_from_api_key(text) is not None
        else:
            with pytest.raises(AddressNotAllowed):
                caller_from_api_key(text)


def test_a_rotated_key_works_beside_its_successor_for_a_while(tenant: Tenant) -> None:
    by = User.objects.create(email="dev@acme.example")
    key, text = create_api_key(tenant, "CI", ["read"], networks=["10.0.0.0/8"])
    rotated = rotate_api_key(key, by, now=NOW)
    assert rotated is not None
    successor, new_text = rotated
    assert (successor.name, successor.scopes, successor.networks) == ("CI", ["read"], key.networks)
    assert successor.expires_at is None
    assert new_text.endswith(successor.last_four)
    almost, over = NOW + OVERLAP - timedelta(seconds=1), NOW + OVERLAP
    assert [find_api_key(each, now=almost) is not None for each in (text, new_text)] == [True, True]
    assert [find_api_key(each, now=over) is not None for each in (text, new_text)] == [False, True]
    with tenant_scope(tenant.pk):
        entry = AuditEntry.objects.get(action="api-key.rotated")
    assert entry.actor == f"user:{by.pk}"
    assert new_text.rsplit("_", 1)[1] not in str(entry.after)


def test_a_successor_lasts_as_long_and_the_old_key_no_longer_than_it_would(tenant: Tenant) -> None:
    by = User.objects.create(email="dev@acme.example")
    ends = NOW + timedelta(hours=1)
    key, _ = create_api_key(tenant, "CI", ["read"], expires_at=ends)
    with tenant_scope(tenant.pk):
        ApiKey.objects.filter(pk=key.pk).update(created_at=NOW - timedelta(days=30))
    rotated = rotate_api_key(key, by, now=NOW)
    assert rotated is not None
    assert rotated[0].expires_at == NOW + timedelta(days=30, hours=1)
    with tenant_scope(tenant.pk):
        key.refresh_from_db()
    assert key.expires_at == ends


def test_only_a_good_key_is_rotated(tenant: Tenant) -> None:
    by = User.objects.create(email="dev@acme.example")
    key, _ = create_api_key(tenant, "CI", ["read"])
    revoke_api_key(key, "system")
    assert rotate_api_key(key, by) is None
    with platform_scope("test"):
        assert ApiKey.objects.count() == 1


def test_a_key_for_tests_shows_it_and_is_known_by_that(tenant: Tenant) -> None:
    key, text = create_api_key(tenant, "CI", ["talk"], is_test=True)
    assert re.fullmatch(rf"prl_test_{key.prefix}_[0-9a-f]{{64}}", text)
    caller = caller_from_api_key(text)
    assert caller is not None
    assert caller.is_test
    assert find_api_key(text.replace("prl_test_", "prl_")) is None
    _, real = create_api_key(tenant, "CI", ["talk"])
    assert find_api_key(real.replace("prl_", "prl_test_")) is None


def test_a_key_for_agents_reaches_no_other_and_so_does_its_successor(tenant: Tenant) -> None:
    by = User.objects.create(email="dev@acme.example")
    agent, other = uuid7(), uuid7()
    key, _ = create_api_key(tenant, "CI", ["talk"], agents=[agent], is_test=True)
    rotated = rotate_api_key(key, by, overlap=timedelta(days=7), now=NOW)
    assert rotated is not None
    caller = caller_from_api_key(rotated[1])
    assert caller is not None
    assert (caller.reaches(agent), caller.reaches(other)) == (True, False)
    assert caller.is_test
    with tenant_scope(tenant.pk):
        key.refresh_from_db()
    assert key.expires_at == NOW + timedelta(days=7)
    free = caller_from_api_key(create_api_key(tenant, "CI", ["talk"])[1])
    assert free is not None
    assert free.reaches(other)
