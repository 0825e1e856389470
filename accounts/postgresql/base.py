"""The database backend: Django's own for PostgreSQL, with cursors that tell the scope.

`settings.py` names this package as ENGINE; Django asks it for a module `base` with a class
`DatabaseWrapper`.
"""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import register_tzloader

from accounts.postgresql.cursors import ScopedCursor, ScopedServerSideCursor


class DatabaseWrapper(base.DatabaseWrapper):
    # Set by `owner.as_owner`.
    acts_as_owner = False

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            raise ImproperlyConfigured(
                "server_side_binding cannot be used: a statement travels together with its "
                "scope, which needs binding on the client's side. Take it out of DATABASE_URL."
            )
        return {**parameters, "cursor_factory": ScopedCursor}

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None:
            return super().create_cursor()
        cursor = ScopedServerSideCursor(
            self.connection, name=name, scrollable=False, withhold=self.connection.autocommit
        )
        register_tzloader(self.timezone, cursor)
        return cursor
