"""Notes, tags, the list's indexes, and the words of conversations for the search.

Row security lets no statement use an index by a condition that could tell of rows it may not see,
and that of full text could. So PostgreSQL keeps the words in a table of their own, which nobody
but its owner reads or writes: triggers on the turns keep it, and one function looks into it, for
the tenant of the scope alone. docs/decisions/043 says more.
"""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.ids
from accounts.tenancy import platform_scope

# No model knows the table. Its foreign key would stop TRUNCATE: triggers empty it instead.
WORDS = """
CREATE TABLE conversations_words (
    turn_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    words tsvector NOT NULL
);
CREATE INDEX conversations_words_gin ON conversations_words USING gin (words);
ALTER TABLE conversations_words ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON conversations_words FROM PUBLIC;

-- The tenant is one more word, so that a common word of others costs a small one nothing.
CREATE FUNCTION conversations_words_of(tenant uuid, said text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT to_tsvector('simple', left(said, 200000)) || array_to_tsvector(ARRAY['#' || tenant]);
$$;

CREATE FUNCTION conversations_keep_words() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM conversations_words;
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM conversations_words WHERE turn_id = OLD.id;
        RETURN NULL;
    END IF;
    INSERT INTO conversations_words (turn_id, tenant_id, conversation_id, words)
    VALUES (NEW.id, NEW.tenant_id, NEW.conversation_id,
            conversations_words_of(NEW.tenant_id, NEW.text))
    ON CONFLICT (turn_id) DO UPDATE SET words = EXCLUDED.words;
    RETURN NULL;
END $$;
CREATE TRIGGER conversations_words_new AFTER INSERT ON conversations_turn
    FOR EACH ROW WHEN (NEW.state <> 'partial') EXECUTE FUNCTION conversations_keep_words();
CREATE TRIGGER conversations_words_changed AFTER UPDATE ON conversations_turn
    FOR EACH ROW WHEN (NEW.state <> 'partial'
        AND (OLD.state = 'partial' OR OLD.text IS DISTINCT FROM NEW.text))
    EXECUTE FUNCTION conversations_keep_words();
CREATE TRIGGER conversations_words_gone AFTER DELETE ON conversations_turn
    FOR EACH ROW EXECUTE FUNCTION conversations_keep_words();
CREATE TRIGGER conversations_words_emptied AFTER TRUNCATE ON conversations_turn
    FOR EACH STATEMENT EXECUTE FUNCTION conversations_keep_words();

-- The conversations of the scope's tenant with a turn that has the words; of all tenants in a
-- platform scope, of none outside of scopes.
CREATE FUNCTION conversations_with_words(asked text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path FROM CURRENT AS $$
DECLARE
    scope text := current_setting('parley.scope', true);
    wanted tsquery := websearch_to_tsquery('simple', left(asked, 1000));
BEGIN
    IF numnode(wanted) = 0 OR coalesce(scope, '') = '' THEN
        RETURN;
    END IF;
    IF scope = 'platform' THEN
        RETURN QUERY SELECT DISTINCT conversation_id FROM conversations_words
            WHERE words @@ wanted;
    ELSE
        wanted := quote_literal('#' || scope)::tsquery && wanted;
        RETURN QUERY SELECT DISTINCT conversation_id FROM conversations_words
            WHERE words @@ wanted AND tenant_id = scope::uuid;
    END IF;
END $$;
"""
FILL = """
INSERT INTO conversations_words (turn_id, tenant_id, conversation_id, words)
SELECT id, tenant_id, conversation_id, conversations_words_of(tenant_id, text)
FROM conversations_turn WHERE state <> 'partial'
"""
GONE = """
DROP TRIGGER conversations_words_new ON conversations_turn;
DROP TRIGGER conversations_words_changed ON conversations_turn;
DROP TRIGGER conversations_words_gone ON conversations_turn;
DROP TRIGGER conversations_words_emptied ON conversations_turn;
DROP FUNCTION conversations_with_words(text);
DROP FUNCTION conversations_keep_words();
DROP FUNCTION conversations_words_of(uuid, text);
DROP TABLE conversations_words;
"""


def install(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(WORDS)
    with platform_scope("words for the search"), schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL)


def remove(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(GONE)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0120_api"),
        ("conversations", "0120_exports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Note",
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
                ("text", models.TextField(max_length=4000)),
                ("written_by", models.CharField(editable=False, max_length=80)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_by", models.CharField(blank=True, editable=False, max_length=80)),
                ("changed_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ["id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Tag",
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
                ("name", models.CharField(max_length=40)),
                ("added_by", models.CharField(editable=False, max_length=80)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["tenant", "agent", "-id"], name="conversation_of_agent"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                fields=["tenant", "end_reason", "-id"], name="conversation_by_reason"
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["tenant", "started_at"], name="conversation_by_start"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("state", "ended"), _negated=True),
                fields=["tenant", "state", "-id"],
                name="conversation_open",
            ),
        ),
        migrations.AddField(
            model_name="note",
            name="conversation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notes",
                to="conversations.conversation",
            ),
        ),
        migrations.AddField(
            model_name="note",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
            ),
        ),
        migrations.AddField(
            model_name="note",
            name="turn",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notes",
                to="conversations.turn",
            ),
        ),
        migrations.AddField(
            model_name="tag",
            name="conversation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tags",
                to="conversations.conversation",
            ),
        ),
        migrations.AddField(
            model_name="tag",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.tenant"
            ),
        ),
        migrations.AddIndex(
            model_name="note",
            index=models.Index(fields=["conversation", "id"], name="note_of_conversation"),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["tenant", "name", "conversation"], name="tag_by_name"),
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.UniqueConstraint(
                fields=("conversation", "name"), name="tag_once_in_conversation"
            ),
        ),
        migrations.RunPython(install, remove),
    ]
