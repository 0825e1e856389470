"""The backend that `settings.py` names."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections

from accounts.postgresql.base import DatabaseWrapper
from accounts.postgresql.cursors import ScopedCursor, ScopedServerSideCursor


def test_every_cursor_tells_the_scope(db: None) -> None:
    assert isinstance(connections["default"], DatabaseWrapper)
    with connection.cursor() as plain, connection.chunked_cursor() as named:
        assert isinstance(plain.cursor, ScopedCursor)
        assert isinstance(named.cursor, ScopedServerSideCursor)
        assert isinstance(connection.connection.cursor(), ScopedCursor)


def test_binding_on_the_server_is_refused(db: None) -> None:
    other = connection.copy()
    other.settings_dict["OPTIONS"]["server_side_binding"] = True
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        other.connect()


def test_times_come_in_the_settings_time_zone(db: None) -> None:
    with connection.chunked_cursor() as named:
        named.execute("SELECT timestamptz '2026-01-01 12:00+02'")
        assert named.fetchone()[0].isoformat() == "2026-01-01T10:00:00+00:00"
