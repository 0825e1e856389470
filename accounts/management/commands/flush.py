"""`manage.py flush`: Django's, as the database's owner, for nobody else may empty tables."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from accounts.postgresql.owner import as_owner


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with as_owner(connections[options["database"]]):
            super().handle(**options)
