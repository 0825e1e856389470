"""`manage.py migrate`: Django's, as the database's owner; then the tables are made to hold
tenants apart (`accounts.postgresql`)."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from accounts.postgresql.owner import (
    RoleMissing,
    application_role,
    as_owner,
    make_application_role,
)
from accounts.postgresql.row_security import bring_up_to_date
from accounts.tenancy import platform_scope


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        # A migration that reads or writes tenants' rows does so for all of them.
        with as_owner(connections[options["database"]]), platform_scope("migrate"):
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        connection = connections[options["database"]]
        if connection.vendor != "postgresql" or options["plan"] or options["check_unapplied"]:
            return
        role = application_role()
        try:
            if role and make_application_role(connection, role):
                self.stdout.write(f"Made the role {role} of DATABASE_URL.")
        except RoleMissing as error:
            raise CommandError(str(error)) from None
        bring_up_to_date(connection, role)
