"""What only the server's superuser can do."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection


@pytest.fixture
def as_postgres(db: None) -> Callable[[str], list[Any]]:
    """Run a statement as the server's superuser, at once and for good. Returns its rows."""
    connection.ensure_connection()
    host = connection.connection.info.host
    name = connection.settings_dict["NAME"]

    def run(statement: str) -> list[Any]:
        with psycopg.connect(host=host, dbname=name, user="postgres", autocommit=True) as made:
            cursor = made.execute(statement)  # type: ignore[call-overload,unused-ignore]
            return cursor.fetchall() if cursor.description else []

    return run
