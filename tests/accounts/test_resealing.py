from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from accounts.keyset import create_keyset
from accounts.keyset.file import editing
from accounts.keyset.keys import primary_of, with_disabled, with_new_key, with_primary
from accounts.models import Credential
from accounts.resealing import reseal, reseal_stragglers
from accounts.tenancy import platform_scope
from tests.accounts.sealed_rows import (
    APPS,
    CODES,
    CREDENTIALS,
    HANDLES,
    SECRET,
    assert_all_open_with,
    look,
    make_credentials,
    make_handles,
    make_second_factors,
    secret_of,
)
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("own_keyset")


def new_primary() -> tuple[int, int]:
    """Returns the ids of the old and the new key."""
    with editing() as file:
        handle, key_id = with_new_key(file.handle, taken=())
        old = primary_of(handle)
        file.replace(with_primary(handle, key_id))
    return old, key_id


def test_every_place_of_every_tenant_is_resealed(cast: Cast) -> None:
    for company in (cast.acme, cast.globex):
        make_credentials(company.tenant, 3)
        make_handles(company.tenant, 2)
    make_second_factors(cast.acme.owner)
    _, key_id = new_primary()
    told: list[tuple[str, int]] = []
    result = reseal(batch_size=2, progress=lambda label, done: told.append((label, done)))
    everything = {CREDENTIALS: 6, HANDLES: 4, APPS: 1, CODES: 1}
    assert (result.done, result.changed, result.unopened) == (everything, {}, {})
    assert told[:3] == [(CREDENTIALS, 2), (CREDENTIALS, 4), (CREDENTIALS, 6)]
    assert_all_open_with(key_id, everything)


def test_a_second_run_finds_nothing_to_do(cast: Cast) -> None:
    make_credentials(cast.acme.tenant, 3)
    new_primary()
    assert reseal().done.total() == 3
    assert reseal_stragglers() == 0


def test_a_row_of_another_place_does_not_open_and_stays_as_it_is(cast: Cast) -> None:
    ours, theirs = make_credentials(cast.acme.tenant, 1) + make_credentials(cast.globex.tenant, 1)
    with platform_scope("test"):
        Credential.objects.filter(pk=theirs.pk).update(sealed_secret=ours.sealed_secret)
    old, key_id = new_primary()
    result = reseal()
    assert (result.done, result.unopened) == ({CREDENTIALS: 1}, {CREDENTIALS: 1})
    found = look()
    assert found.opened == {(CREDENTIALS, key_id): 1}
    assert (found.broken, found.sealed_with(old)) == ({CREDENTIALS: 1}, 0)
    with platform_scope("test"):
        theirs.refresh_from_db()
    assert bytes(theirs.sealed_secret) == bytes(ours.sealed_secret)


def test_what_came_back_from_a_backup_under_a_disabled_key_is_healed(cast: Cast) -> None:
    make_credentials(cast.acme.tenant, 1)
    old, key_id = new_primary()
    with editing() as file:
        file.replace(with_disabled(file.handle, [old]))
    assert look().sealed_with(old) == 1
    assert reseal_stragglers() == 1
    assert_all_open_with(key_id, {CREDENTIALS: 1})


def test_a_key_that_waits_here_is_left_alone(cast: Cast) -> None:
    """Where the file came first it is primary: re-sealing to and fro would never end."""
    with editing() as file:
        handle, key_id = with_new_key(file.handle, taken=())
        file.replace(with_primary(handle, key_id))
    make_credentials(cast.acme.tenant, 1)
    with editing() as file:
        file.replace(handle)
    assert reseal().done.total() == 0
    assert look().sealed_with(key_id) == 1


def test_a_lost_key_is_counted_by_its_id(cast: Cast, own_keyset: Path) -> None:
    make_credentials(cast.acme.tenant, 2)
    lost = look().opened
    own_keyset.unlink()
    create_keyset(own_keyset)
    found = look()
    ((place, key_id),) = lost
    assert found.missing == {(place, key_id): 2}
    assert found.missing_keys() == {key_id: 2}
    assert reseal().unopened == {CREDENTIALS: 2}


class Rival:
    """Changes a row between its reading and its re-sealing."""

    def __init__(self, row: Credential, *, times: int) -> None:
        self._row, self._left = row, times

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if self._left and sql.startswith('UPDATE "accounts_credential"'):
            self._left -= 1
            context["cursor"].execute(
                "UPDATE accounts_credential SET sealed_secret = %s WHERE id = %s",
                [SECRET.seal(self._row, secret_of(self._row.pk)), self._row.pk],
            )
        return execute(sql, params, many, context)


def test_a_row_that_others_change_meanwhile_keeps_what_they_wrote(cast: Cast) -> None:
    (row,) = make_credentials(cast.acme.tenant, 1)
    _, key_id = new_primary()
    with connection.execute_wrapper(Rival(row, times=1)):
        result = reseal()
    # The second pass found that they had sealed with the new key.
    assert (result.done, result.changed) == ({}, {})
    assert_all_open_with(key_id, {CREDENTIALS: 1})


def test_the_number_of_queries_grows_with_the_rows_and_not_faster(
    cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_credentials(cast.acme.tenant, 30)
    new_primary()
    # The last are of the tools' four columns, which hold nothing.
    with django_assert_max_num_queries(30 + 3 + 2 * 4 + 4):
        reseal(batch_size=10)
