"""Leaving: the jobs, and the one way in which the audit of a tenant may be deleted.

The triggers of migration 0002 let nobody delete from the audit. Here they get one exception: the
rows of a tenant whose departure is `erasing`. Triggers keep a departure from becoming that before
its grace time is over. On PostgreSQL the rows are deleted by a function that runs as the tables'
owner and names its tenant, so the application's role needs no right to delete them, and has none.

The exception reads `accounts_departure` and not the tenants' table: SQLite rebuilds a table that
is altered, and could not while a trigger elsewhere reads it.
"""

from typing import Any

import accounts.ids
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

ENTRIES, SEALS, LINKS = "accounts_auditentry", "accounts_auditseal", "accounts_auditlink"
TABLES = (ENTRIES, SEALS, LINKS)
DEPARTURES = "accounts_departure"

# `parley.erasing` alone opens nothing: the departure has to be in its last state.
POSTGRESQL = [
    """
    CREATE OR REPLACE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND TG_LEVEL = 'STATEMENT'
            AND coalesce(current_setting('parley.erasing', true), '') <> '' THEN
            RETURN NULL;  -- audit_erased_only looks at each row
        END IF;
        RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation',
                  HINT = 'What the audit holds is never changed and never deleted.';
    END $$
    """,
    """
    CREATE FUNCTION accounts_audit_erased_only() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE is_erased boolean;
    BEGIN
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %I.accounts_departure '
            'WHERE tenant_id = $1 AND state = ''erasing'')', TG_TABLE_SCHEMA
        ) INTO is_erased USING OLD.tenant_id;
        IF is_erased AND OLD.tenant_id::text = current_setting('parley.erasing', true) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation',
                  HINT = 'Only the audit of a tenant that is being erased is deleted.';
    END $$
    """,
    *(
        statement
        for table in TABLES
        for statement in (
            f"CREATE TRIGGER audit_erased_only BEFORE DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION accounts_audit_erased_only()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_erased_only",
        )
    ),
    """
    CREATE FUNCTION accounts_erase_audit(tenant uuid, at_once integer)
    RETURNS TABLE (entries bigint, seals bigint, links bigint)
    LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM accounts_departure WHERE tenant_id = tenant AND state = 'erasing'
        ) THEN
            RAISE EXCEPTION 'The tenant is not being erased.'
                USING ERRCODE = 'restrict_violation';
        END IF;
        PERFORM set_config('parley.erasing', tenant::text, true);
        DELETE FROM accounts_auditentry WHERE id IN (
            SELECT id FROM accounts_auditentry WHERE tenant_id = tenant LIMIT at_once);
        GET DIAGNOSTICS entries = ROW_COUNT;
        DELETE FROM accounts_auditseal WHERE id IN (
            SELECT id FROM accounts_auditseal WHERE tenant_id = tenant LIMIT at_once);
        GET DIAGNOSTICS seals = ROW_COUNT;
        DELETE FROM accounts_auditlink WHERE id IN (
            SELECT id FROM accounts_auditlink WHERE tenant_id = tenant LIMIT at_once);
        GET DIAGNOSTICS links = ROW_COUNT;
        PERFORM set_config('parley.erasing', '', true);
        RETURN NEXT;
    END $$
    """,
    # Whoever calls it must not choose which tables it means.
    """
    DO $$ BEGIN
        EXECUTE format(
            'ALTER FUNCTION accounts_erase_audit(uuid, integer) SET search_path = %I, pg_temp',
            current_schema()
        );
    END $$
    """,
    """
    CREATE FUNCTION accounts_departure_steps() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.state = 'leaving' THEN RETURN NEW; END IF;
        ELSIF NEW.tenant_id = OLD.tenant_id AND NEW.erase_after = OLD.erase_after AND (
            NEW.state = OLD.state
            OR (OLD.state = 'leaving' AND NEW.state = 'taken-back')
            OR (OLD.state = 'leaving' AND NEW.state = 'erasing'
                AND NEW.started_at >= OLD.erase_after)
            OR (OLD.state = 'erasing' AND NEW.state = 'erased')
        ) THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'This step of a departure is refused.'
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    f"CREATE TRIGGER departure_steps BEFORE INSERT OR UPDATE ON {DEPARTURES} "
    "FOR EACH ROW EXECUTE FUNCTION accounts_departure_steps()",
]
POSTGRESQL_BACK = [
    f"DROP TRIGGER departure_steps ON {DEPARTURES}",
    "DROP FUNCTION accounts_departure_steps()",
    "DROP FUNCTION accounts_erase_audit(uuid, integer)",
    *(f"DROP TRIGGER audit_erased_only ON {table}" for table in TABLES),
    "DROP FUNCTION accounts_audit_erased_only()",
    """
    CREATE OR REPLACE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation',
                  HINT = 'What the audit holds is never changed and never deleted.';
    END $$
    """,
]


def no_delete(table: str, when: str = "") -> list[str]:
    return [
        f"DROP TRIGGER IF EXISTS {table}_no_delete",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: DELETE is refused.'); END",
    ]


REFUSED = "BEGIN SELECT RAISE(ABORT, 'This step of a departure is refused.'); END"
SQLITE = [
    *(
        statement
        for table in TABLES
        for statement in no_delete(
            table,
            f"WHEN NOT EXISTS (SELECT 1 FROM {DEPARTURES} "
            "WHERE tenant_id = OLD.tenant_id AND state = 'erasing')",
        )
    ),
    f"CREATE TRIGGER {DEPARTURES}_begins BEFORE INSERT ON {DEPARTURES} "
    f"WHEN NEW.state <> 'leaving' {REFUSED}",
    f"CREATE TRIGGER {DEPARTURES}_steps BEFORE UPDATE ON {DEPARTURES} "
    "WHEN NEW.tenant_id <> OLD.tenant_id OR NEW.erase_after <> OLD.erase_after OR NOT ("
    "NEW.state = OLD.state "
    "OR (OLD.state = 'leaving' AND NEW.state = 'taken-back') "
    "OR (OLD.state = 'leaving' AND NEW.state = 'erasing' "
    "AND coalesce(NEW.started_at >= OLD.erase_after, 0)) "
    f"OR (OLD.state = 'erasing' AND NEW.state = 'erased')) {REFUSED}",
]
SQLITE_BACK = [
    f"DROP TRIGGER {DEPARTURES}_begins",
    f"DROP TRIGGER {DEPARTURES}_steps",
    *(statement for table in TABLES for statement in no_delete(table)),
]
STATEMENTS = {"postgresql": (POSTGRESQL, POSTGRESQL_BACK), "sqlite": (SQLITE, SQLITE_BACK)}


def install(apps: Any, schema_editor: Any) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor][0]:
        schema_editor.execute(statement, params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor][1]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0070_limits")]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="state",
            field=models.CharField(
                choices=[
                    ("active", "Active"),
                    ("suspended", "Suspended"),
                    ("leaving", "Leaving"),
                    ("erasing", "Being deleted"),
                ],
                default="active",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Archive",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Being made"),
                            ("ready", "Ready"),
                            ("expired", "Deleted"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("asked_by", models.CharField(max_length=64)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("holder", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("part", models.CharField(blank=True, max_length=100)),
                ("rows_done", models.PositiveBigIntegerField(default=0)),
                ("rows_expected", models.PositiveBigIntegerField(default=0)),
                ("file", models.CharField(blank=True, max_length=200)),
                ("bytes", models.PositiveBigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("ready_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "running"))),
                        fields=("tenant",),
                        name="archive_one_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Departure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField(db_index=True, verbose_name="tenant")),
                ("slug", models.CharField(max_length=50)),
                ("name", models.CharField(max_length=150)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("leaving", "Leaving"),
                            ("taken-back", "Taken back"),
                            ("erasing", "Being deleted"),
                            ("erased", "Deleted"),
                        ],
                        default="leaving",
                        max_length=10,
                    ),
                ),
                ("asked_by", models.CharField(max_length=64)),
                ("asked_at", models.DateTimeField()),
                ("erase_after", models.DateTimeField()),
                ("taken_back_by", models.CharField(blank=True, max_length=64)),
                ("taken_back_at", models.DateTimeField(null=True)),
                ("holder", models.UUIDField(editable=False, null=True)),
                (
                    "lease_until",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("counts", models.JSONField(default=dict)),
                ("final_seal_number", models.PositiveIntegerField(null=True)),
                ("final_seal", models.CharField(blank=True, max_length=64)),
                ("report_to", models.JSONField(default=list, editable=False)),
                ("is_reported", models.BooleanField(default=False, editable=False)),
            ],
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("leaving", "erasing"))),
                        fields=("tenant_id",),
                        name="departure_one_open",
                    )
                ],
            },
        ),
        migrations.RunPython(install, remove),
    ]
