"""Many rows from one, for lists that have to stay quick."""

from collections.abc import Mapping

from django.db import connection
from django.db.models import Model

from accounts.tenancy import platform_scope


def multiply(row: Model, times: int, differing: Mapping[str, str] | None = None) -> None:
    """Store so many copies of a row, each a minute older by its id, in one statement.

    `differing` has SQL for columns that differ, with `n` for the number of the copy. Not for rows
    with a unique field beside the id.
    """
    names = [str(field.column) for field in row._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join((differing or {}).get(name, f'"{name}"') for name in names)
    values = values.replace("%", "%%")  # no placeholders
    table = row._meta.db_table
    with platform_scope("copies"), connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" (id, {columns}) '  # noqa: S608
            "SELECT (lpad(to_hex(((extract(epoch FROM now()) - n * 60) * 1000)::bigint), 12, '0') "
            f"|| substr(md5(random()::text), 1, 20))::uuid, {values} "
            f'FROM "{table}", generate_series(1, %s) AS n WHERE id = %s',
            [times, row.pk],
        )
