"""Cursors that tell PostgreSQL the scope with every statement.

Row security compares each row's tenant with the setting SCOPE_SETTING. A cursor puts a SET LOCAL
in front of the statement, in the same message: no round trip more, and nothing to remember, so
nothing that could be wrong after a commit, a rollback or a nested scope. In autocommit the
message is a transaction of its own, so the setting is gone with its answer.

What is not a single message (COPY, `executemany`, a server-side cursor) gets the SET LOCAL as a
statement of its own, in autocommit inside a transaction of its own.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from psycopg import sql
from psycopg.pq import TransactionStatus

from accounts.scopes import PlatformScope, current_scope

SCOPE_SETTING: Final = "parley.scope"
# The platform scope's value. A tenant's is its id; '' (and no value at all) is nobody's.
PLATFORM: Final = "platform"

_Connection = psycopg.Connection[Any]
# The stubs know them as cursors without methods.
_Cursor: Any = base.Cursor
_ServerSideCursor: Any = base.ServerSideCursor

# In autocommit other statements see nothing: some of them (VACUUM, CREATE INDEX CONCURRENTLY)
# refuse to share a transaction, and none of them has a scope's rows to touch.
_TOUCHES_ROWS = re.compile(
    r"[\s(]*(?:select|insert|update|delete|merge|with|values|table|explain|execute)\b",
    re.IGNORECASE,
)
# Within a transaction everything is told the scope but what steers the transaction itself: it
# may have failed already, and an isolation level is set before any other statement.
_STEERS = re.compile(
    r"\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare|set|show)\b",
    re.IGNORECASE,
)


def scope_value() -> str:
    """The running code's scope as row security reads it."""
    scope = current_scope()
    if scope is None:
        return ""
    return PLATFORM if isinstance(scope, PlatformScope) else str(scope.tenant_id)


def _set_local(value: str) -> str:
    return f"SET LOCAL {SCOPE_SETTING} = '{value}'"


def _in_transaction(connection: _Connection) -> bool:
    """Whether the next statement belongs to a transaction that outlives it."""
    idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
    return not (connection.autocommit and idle)


def _text(query: Any, connection: _Connection) -> str:
    if isinstance(query, bytes):
        return query.decode()
    return query.as_string(connection) if isinstance(query, sql.Composable) else str(query)


def _with_scope(query: Any, connection: _Connection) -> str | None:
    """The query behind its SET LOCAL; None if it goes as it is."""
    text = _text(query, connection)
    value = scope_value()
    if _in_transaction(connection):
        told = not _STEERS.match(text)
    else:
        # Without a scope there is nothing to tell: no value lasts from one message to the next.
        told = bool(value and _TOUCHES_ROWS.match(text))
    return f"{_set_local(value)};\n{text}" if told else None


@contextmanager
def _told(connection: _Connection) -> Iterator[None]:
    """Run what is inside in a transaction that has been told the scope."""
    own: AbstractContextManager[Any] = nullcontext()
    if not _in_transaction(connection):
        own = connection.transaction()
    with own:
        _tell(connection, scope_value())
        yield


def _tell(connection: _Connection, value: str) -> None:
    psycopg.Cursor(connection).execute(_set_local(value))


class ScopedCursor(_Cursor):  # type: ignore[misc]
    """A client-side cursor, Django's usual one."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "ScopedCursor":
        with_scope = _with_scope(query, self.connection)
        if with_scope is None:
            super().execute(query, params, **options)
        else:
            super().execute(with_scope, params, **options)
            self.nextset()  # past the answer to SET LOCAL
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        with _told(self.connection):
            super().executemany(query, params_seq, **options)

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with _told(self.connection):
            yield from super().stream(query, params, **options)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with _told(self.connection), super().copy(statement, params, **options) as copying:
            yield copying


class ScopedServerSideCursor(_ServerSideCursor):  # type: ignore[misc]
    """A named cursor, for `iterator()`: all its rows belong to the scope it was opened in.

    In autocommit it is declared WITH HOLD, and its rows are gathered before the transaction
    ends. Within a transaction it is told its scope again for each fetch: other statements may
    have told theirs between.
    """

    _value = ""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "ScopedServerSideCursor":
        self._value = scope_value()
        with _told(self.connection):
            super().execute(query, params, **options)
        return self

    def fetchone(self) -> Any:
        self._tell_again()
        return super().fetchone()

    def fetchmany(self, size: int = 0) -> Any:
        self._tell_again()
        return super().fetchmany(size)

    def fetchall(self) -> Any:
        self._tell_again()
        return super().fetchall()

    def __next__(self) -> Any:
        self._tell_again()
        return super().__next__()

    def _tell_again(self) -> None:
        if _in_transaction(self.connection):
            _tell(self.connection, self._value)
