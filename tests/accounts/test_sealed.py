import ast
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models

from accounts.ids import uuid7
from accounts.keyset import SealedField, Unsealable
from accounts.sealed import Column, Place, SecondFactors, rows_of, sealed_places
from accounts.tenancy import platform_scope
from conversations.models import Lease
from tests.accounts.sealed_rows import (
    APPS,
    CODES,
    CREDENTIALS,
    HANDLES,
    SECRET,
    look,
    make_credentials,
    make_handles,
    make_second_factors,
)
from tests.cast import Cast

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("keyset_file")


def place(label: str) -> Place:
    return next(place for place in sealed_places() if place.label == label)


def test_every_place_is_known() -> None:
    assert {CREDENTIALS, HANDLES, APPS, CODES} <= {place.label for place in sealed_places()}


def test_no_sealed_column_is_a_plain_one() -> None:
    plain = [
        str(field)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if "sealed" in field.name
        and isinstance(field, models.BinaryField)
        and not isinstance(field, SealedField)
    ]
    assert plain == []


def test_nobody_seals_for_a_place_that_a_rotation_would_not_find() -> None:
    """A module that seals by itself has to be known to `accounts.sealed`."""
    known = {"accounts/sign_in.py", "accounts/resealing.py"}
    found = {
        str(path.relative_to(ROOT))
        for root in ("accounts", "conversations", "platform/config")
        for path in (ROOT / root).rglob("*.py")
        if "accounts/keyset/" not in str(path) and "seal" in imported_from_keyset(path)
    }
    assert found <= known


def imported_from_keyset(path: Path) -> set[str]:
    return {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("accounts.keyset")
        for alias in node.names
    }


def sealed_fields() -> list[SealedField]:
    return [each.field for each in sealed_places() if isinstance(each, Column)]


def row_with(field: SealedField, tenant_id: UUID, row_id: UUID) -> Any:
    row: Any = field.model(**{field.model._meta.pk.attname: uuid7()})
    row.tenant_id = tenant_id
    setattr(row, field.row_attribute, row_id)
    return row


@pytest.mark.parametrize("field", sealed_fields(), ids=str)
def test_what_was_moved_does_not_open(field: SealedField) -> None:
    """To another tenant's row, to another row, or to any other column of the same row."""
    tenant, row_id = uuid7(), uuid7()
    home = row_with(field, tenant, row_id)
    setattr(home, field.attname, field.seal(home, b"canary"))
    assert field.unseal(home) == b"canary"
    strangers = [
        (field, row_with(field, uuid7(), row_id)),
        (field, row_with(field, tenant, uuid7())),
        *(
            (other, row_with(other, tenant, row_id))
            for other in sealed_fields()
            if other is not field
        ),
    ]
    for other, row in strangers:
        setattr(row, other.attname, getattr(home, field.attname))
        with pytest.raises(Unsealable):
            other.unseal(row)


def test_a_moved_row_is_found_broken(cast: Cast) -> None:
    """As an attacker with the database would: the whole row, copied with SQL."""
    mine, _ = make_credentials(cast.acme.tenant, 2)
    (other,) = make_credentials(cast.globex.tenant, 1)
    column = place(CREDENTIALS)
    rows = {row.pk: row for row in rows_of(column, 10)}
    assert column.replace(rows[other.pk], rows[mine.pk].sealed)
    assert look().broken == {CREDENTIALS: 1}


def test_a_second_factor_opens_nowhere_else(cast: Cast) -> None:
    make_second_factors(cast.acme.owner)
    (factor,) = rows_of(place(APPS), 10)
    (credential,) = make_credentials(cast.acme.tenant, 1)
    credential.sealed_secret = factor.sealed
    with pytest.raises(Unsealable):
        SECRET.unseal(credential)


def test_each_column_has_a_purpose_of_its_own() -> None:
    purposes = [field.purpose for field in sealed_fields()]
    assert len(set(purposes)) == len(purposes)


def test_rows_of_all_tenants_come_in_batches(cast: Cast) -> None:
    made = [*make_credentials(cast.acme.tenant, 3), *make_credentials(cast.globex.tenant, 2)]
    for size in (1, 2, 5, 100):
        rows = list(rows_of(place(CREDENTIALS), size))
        assert [row.pk for row in rows] == sorted(row.pk for row in made)
        assert {row.binding.tenant_id for row in rows} == {row.tenant_id for row in made}


def test_a_row_that_holds_nothing_is_left_out(cast: Cast) -> None:
    leases = make_handles(cast.acme.tenant, 2)
    with platform_scope("test"):
        Lease.objects.filter(pk=leases[0].pk).update(sealed_handle=None)
        Lease.objects.filter(pk=leases[1].pk).update(sealed_handle=b"")
    assert list(rows_of(place(HANDLES), 10)) == []


def test_a_row_that_changed_meanwhile_is_left_alone(cast: Cast) -> None:
    (made,) = make_credentials(cast.acme.tenant, 1)
    column = place(CREDENTIALS)
    assert isinstance(column, Column)
    (row,) = rows_of(column, 10)
    assert column.replace(row, b"first")
    assert not column.replace(row, b"second")
    with platform_scope("test"):
        made.refresh_from_db()
    assert bytes(made.sealed_secret) == b"first"


def test_second_factors_keep_what_else_they_hold(cast: Cast) -> None:
    make_second_factors(cast.acme.owner)
    (row,) = rows_of(SecondFactors("seed"), 10)
    Authenticator.objects.filter(pk=row.pk).update(data={**row.stored, "used_mask": 1})
    assert not SecondFactors("seed").replace(row, b"lost")
    (row,) = rows_of(SecondFactors("seed"), 10)
    assert SecondFactors("seed").replace(row, b"new")
    assert Authenticator.objects.get(pk=row.pk).data == {"seed": "bmV3", "used_mask": 1}


def test_a_second_factor_from_before_it_was_sealed(cast: Cast) -> None:
    Authenticator.objects.create(user=cast.acme.owner, type="totp", data={"secret": "not base64!"})
    (row,) = rows_of(SecondFactors("secret"), 10)
    assert row.sealed == b""
