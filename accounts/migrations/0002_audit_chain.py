"""Where acts come from, the chain of seals, and triggers that keep the audit append-only.

On SQLite a later migration that rebuilds one of these tables drops its triggers with it and has
to make them again; tests/accounts/audit/test_sqlite.py looks.
"""

from typing import Any

import accounts.ids
import django.db.models.deletion
from django.db import migrations, models

ENTRIES, SEALS, LINKS = "accounts_auditentry", "accounts_auditseal", "accounts_auditlink"

# ENABLE ALWAYS: also where session_replication_role would switch triggers off. Truncation has
# triggers of its own, which the tests' database, and no other, switches off for its flushes.
POSTGRESQL = [
    """
    CREATE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused.', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'restrict_violation',
                  HINT = 'What the audit holds is never changed and never deleted.';
    END $$
    """,
    """
    CREATE FUNCTION accounts_audit_link() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format(
            'INSERT INTO %I.accounts_auditlink (id, tenant_id, hash) VALUES ($1, $2, $3)',
            TG_TABLE_SCHEMA
        ) USING NEW.id, NEW.tenant_id, '';
        RETURN NULL;
    END $$
    """,
    *(
        statement
        for table, acts in ((ENTRIES, "UPDATE OR DELETE"), (SEALS, "UPDATE OR DELETE"), (LINKS, "DELETE"))
        for statement in (
            f"CREATE TRIGGER audit_append_only BEFORE {acts} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()",
            f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_append_only",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_no_truncate",
        )
    ),
    # A link is filled once, by its seal.
    f"CREATE TRIGGER audit_sealed_once BEFORE UPDATE ON {LINKS} FOR EACH ROW "
    "WHEN (OLD.number IS NOT NULL OR NEW.id <> OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id) "
    "EXECUTE FUNCTION accounts_audit_refuse()",
    f"ALTER TABLE {LINKS} ENABLE ALWAYS TRIGGER audit_sealed_once",
    f"CREATE TRIGGER audit_link AFTER INSERT ON {ENTRIES} "
    "FOR EACH ROW EXECUTE FUNCTION accounts_audit_link()",
]
POSTGRESQL_BACK = [
    *(
        f"DROP TRIGGER {trigger} ON {table}"
        for table in (ENTRIES, SEALS, LINKS)
        for trigger in ("audit_append_only", "audit_no_truncate")
    ),
    f"DROP TRIGGER audit_sealed_once ON {LINKS}",
    f"DROP TRIGGER audit_link ON {ENTRIES}",
    "DROP FUNCTION accounts_audit_refuse()",
    "DROP FUNCTION accounts_audit_link()",
]


def sqlite_trigger(table: str, name: str, act: str, when: str = "") -> str:
    word = act.split()[-1]
    return (
        f"CREATE TRIGGER {table}_{name} {act} ON {table} {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {word} is refused.'); END"
    )


# INSERT OR REPLACE deletes without firing a trigger for it, so a row that is there is refused.
SQLITE = [
    *(
        sqlite_trigger(table, "no_delete", "BEFORE DELETE") for table in (ENTRIES, SEALS, LINKS)
    ),
    *(sqlite_trigger(table, "no_update", "BEFORE UPDATE") for table in (ENTRIES, SEALS)),
    *(
        sqlite_trigger(
            table,
            "no_replace",
            "BEFORE INSERT",
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)",
        )
        for table in (ENTRIES, LINKS)
    ),
    sqlite_trigger(
        SEALS,
        "no_replace",
        "BEFORE INSERT",
        f"WHEN EXISTS (SELECT 1 FROM {SEALS} WHERE id = NEW.id "
        "OR (tenant_id IS NEW.tenant_id AND number = NEW.number))",
    ),
    sqlite_trigger(
        LINKS,
        "no_update",
        "BEFORE UPDATE",
        "WHEN OLD.number IS NOT NULL OR NEW.id <> OLD.id OR NEW.tenant_id IS NOT OLD.tenant_id",
    ),
    f"CREATE TRIGGER {ENTRIES}_link AFTER INSERT ON {ENTRIES} BEGIN "
    f"INSERT INTO {LINKS} (id, tenant_id, hash) VALUES (NEW.id, NEW.tenant_id, ''); END",
]
SQLITE_BACK = [
    *(
        f"DROP TRIGGER {table}_{name}"
        for table in (ENTRIES, SEALS, LINKS)
        for name in ("no_delete", "no_update", "no_replace")
    ),
    f"DROP TRIGGER {ENTRIES}_link",
]
STATEMENTS = {"postgresql": (POSTGRESQL, POSTGRESQL_BACK), "sqlite": (SQLITE, SQLITE_BACK)}


def install(apps: Any, schema_editor: Any) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor][0]:
        schema_editor.execute(statement, params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor][1]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="ip",
            field=models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="request_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="request"),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="user_agent",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor",
            field=models.CharField(
                help_text="user:<id>, key:<id>, system or anonymous.", max_length=64
            ),
        ),
        migrations.CreateModel(
            name="AuditLink",
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
                    "number",
                    models.PositiveIntegerField(help_text="The seal's number.", null=True),
                ),
                (
                    "position",
                    models.PositiveIntegerField(
                        help_text="0, 1, 2 … within the seal.", null=True
                    ),
                ),
                (
                    "hash",
                    models.CharField(blank=True, help_text="The entry's.", max_length=64),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("number", None)),
                        fields=["tenant", "id"],
                        name="audit_link_waiting",
                    ),
                    models.Index(
                        fields=["tenant", "number", "position"], name="audit_link_sealed"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditSeal",
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
                    "number",
                    models.PositiveIntegerField(help_text="1, 2, 3 … within a tenant."),
                ),
                ("at", models.DateTimeField()),
                (
                    "form",
                    models.PositiveSmallIntegerField(
                        help_text="Which fields of an entry are covered."
                    ),
                ),
                (
                    "count",
                    models.PositiveIntegerField(help_text="How many entries it covers."),
                ),
                (
                    "is_complete",
                    models.BooleanField(
                        help_text="No other entry was waiting when it was made."
                    ),
                ),
                ("previous", models.CharField(blank=True, max_length=64)),
                ("hash", models.CharField(max_length=64)),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "number"), name="audit_seal_number"),
                    models.UniqueConstraint(
                        condition=models.Q(("tenant", None)),
                        fields=("number",),
                        name="audit_platform_seal_number",
                    ),
                ],
            },
        ),
        # Entries that are there already wait for their seals like new ones.
        migrations.RunSQL(
            f"INSERT INTO {LINKS} (id, tenant_id, hash) SELECT id, tenant_id, '' FROM {ENTRIES}",
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(install, remove),
    ]
