"""The database is told the scope with each statement, and never holds it longer than that."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ProgrammingError

from accounts.ids import uuid7
from accounts.models import Membership
from accounts.postgresql.cursors import SCOPE_SETTING
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import Cast

NOW = f"current_setting('{SCOPE_SETTING}', true)"
TOLD = f"SELECT {NOW}"
ACME, GLOBEX = uuid7(), uuid7()


def told(on: BaseDatabaseWrapper = connection) -> Any:
    """The scope that the database sees in a statement of ours."""
    with on.cursor() as cursor:
        cursor.execute(TOLD)
        return cursor.fetchone()[0]


def left(on: BaseDatabaseWrapper) -> Any:
    """The scope that lasts in the session, seen past our cursors."""
    return psycopg.Cursor(on.connection).execute(TOLD).fetchone()


@pytest.fixture
def session(db: None, django_db_blocker: Any) -> Iterator[BaseDatabaseWrapper]:
    """A connection in autocommit, as outside of tests."""
    copy = connection.copy()
    yield copy
    copy.close()


def test_each_statement_is_told_its_scope(session: BaseDatabaseWrapper) -> None:
    assert told(session) in {None, ""}
    with tenant_scope(ACME):
        assert told(session) == str(ACME)
    with platform_scope("test"):
        assert told(session) == "platform"
        with tenant_scope(GLOBEX):
            assert told(session) == str(GLOBEX)
        assert told(session) == "platform"
    with tenant_scope(ACME), platform_scope("test"):
        assert told(session) == "platform"


def test_nothing_lasts_in_the_session(session: BaseDatabaseWrapper) -> None:
    with tenant_scope(ACME):
        told(session)
        assert left(session) == ("",)
        with transaction.atomic(session.alias):
            pass
        for fail in ("SELECT 1 / 0", "SELEC", "INSERT INTO accounts_membership (id) VALUES (NULL)"):
            with (
                pytest.raises(Exception, match=r"zero|syntax|violates"),
                session.cursor() as cursor,
            ):
                cursor.execute(fail)
            assert left(session) == ("",)
    assert told(session) == ""


def test_it_holds_through_transactions_and_savepoints(db: None) -> None:
    """The test itself runs in a transaction, which outlives all these scopes."""
    with tenant_scope(ACME):
        assert told() == str(ACME)
        with pytest.raises(ZeroDivisionError), transaction.atomic(), platform_scope("test"):
            _ = 1 / (told() != "platform")
        assert told() == str(ACME)
        with transaction.atomic():
            assert told() == str(ACME)
        with platform_scope("test"), transaction.atomic():
            assert told() == "platform"
        assert told() == str(ACME)
    assert told() == ""


def test_it_holds_after_commit_and_rollback(session: BaseDatabaseWrapper) -> None:
    session.set_autocommit(False)
    with tenant_scope(ACME):
        for end in (session.commit, session.rollback):
            assert told(session) == str(ACME)
            end()
            assert left(session) == ("",)
            session.connection.rollback()
    assert told(session) == ""


def test_raw_statements_in_a_transaction_are_told_too(db: None) -> None:
    with tenant_scope(ACME):
        told()
    with connection.cursor() as cursor:
        cursor.execute(f"/* by hand */ {TOLD}")
        assert cursor.fetchone() == ("",)
        cursor.execute(f"CREATE TEMPORARY TABLE seen AS {TOLD} AS scope")
        cursor.cursor.execute(b"SELECT scope FROM seen")
        assert cursor.fetchone() == ("",)


def test_several_statements_at_once_answer_in_order(session: BaseDatabaseWrapper) -> None:
    with tenant_scope(ACME), session.cursor() as cursor:
        cursor.execute(f"SELECT 1; {TOLD}")
        assert cursor.fetchone() == (1,)
        cursor.nextset()
        assert cursor.fetchone() == (str(ACME),)
        cursor.execute("SELECT %s, '%%'", ["50 %"])
        assert cursor.fetchone() == ("50 %", "%")


@pytest.mark.parametrize("autocommit", [True, False])
def test_each_way_to_send_a_statement(session: BaseDatabaseWrapper, autocommit: bool) -> None:
    with session.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE noted (scope text)")
    session.set_autocommit(autocommit)
    raw = session.connection
    with tenant_scope(ACME):
        with session.cursor() as cursor:
            cursor.executemany(f"INSERT INTO noted SELECT {NOW} WHERE %s", [[True], [True]])
            assert cursor.rowcount == 2
            with cursor.copy(f"COPY (SELECT {NOW}) TO STDOUT") as copying:
                assert list(copying.rows()) == [(str(ACME),)]
            assert list(cursor.cursor.stream(f"{TOLD} UNION ALL {TOLD}")) == [(str(ACME),)] * 2
            cursor.execute("SELECT scope FROM noted")
            assert cursor.fetchall() == [(str(ACME),)] * 2
            assert cursor.callproc("current_setting", [SCOPE_SETTING]) == [SCOPE_SETTING]
            assert cursor.fetchone() == (str(ACME),)
        assert raw.execute(TOLD).fetchone() == (str(ACME),)
        assert raw.cursor().execute(psycopg.sql.SQL(TOLD)).fetchone() == (str(ACME),)
    session.connection.rollback()
    assert left(session) == ("",)


def test_statements_that_refuse_a_transaction_still_run(session: BaseDatabaseWrapper) -> None:
    with platform_scope("test"), session.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE swept (number int)")
        cursor.execute("CREATE INDEX CONCURRENTLY swept_number ON swept (number)")
        cursor.execute("VACUUM swept")
        cursor.execute("SELECT count(*) FROM swept")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_server_side_cursor_keeps_the_scope_it_was_opened_in(
    session: BaseDatabaseWrapper, autocommit: bool
) -> None:
    session.set_autocommit(autocommit)
    with tenant_scope(ACME):
        cursor = session.chunked_cursor()
        cursor.execute(f"{TOLD} FROM generate_series(1, 5)")
        rows = cursor.fetchmany(1)
    with platform_scope("test"):
        assert told(session) == "platform"
        rows += [cursor.fetchone(), *cursor.fetchmany(1), *cursor.cursor]
    rows += cursor.fetchall()
    assert rows == [(str(ACME),)] * 5
    cursor.close()
    session.connection.rollback()
    assert left(session) == ("",)


def test_rows_are_iterated_over_in_chunks(transactional_db: None, cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        everybody = Membership.objects.order_by("pk")
        assert len(list(everybody.iterator(chunk_size=2))) == everybody.count() > 2
        with transaction.atomic():
            assert len(list(everybody.iterator(chunk_size=2))) == everybody.count()
        assert Paginator(everybody, 2).page(1).object_list[0].tenant_id == cast.acme.tenant.pk


def test_an_error_names_the_statement(session: BaseDatabaseWrapper) -> None:
    with tenant_scope(ACME), session.cursor() as cursor:
        with pytest.raises(ProgrammingError, match="SELECT nothing"):
            cursor.execute("SELECT nothing")
        cursor.execute(TOLD)
        assert cursor.fetchone() == (str(ACME),)
