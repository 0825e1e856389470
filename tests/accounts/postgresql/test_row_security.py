"""The database holds tenants apart by itself: these tests pass the ORM by."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.db import Error, IntegrityError, ProgrammingError, connection, transaction

from accounts.ids import uuid7
from accounts.models import AuditEntry, AuditLink, AuditSeal, Membership
from accounts.postgresql.owner import application_role, as_owner
from accounts.postgresql.row_security import (
    Key,
    bring_up_to_date,
    keys_of,
    policy_of,
    tenant_owned_models,
)
from accounts.tenancy import TenantOwned, is_tenant_link, platform_scope, tenant_scope
from conversations.models import Agent, Conversation
from tests.accounts.audit.tampering import sealed_entries
from tests.cast import Cast, Company

AGENTS = "SELECT tenant_id FROM conversations_agent"


def sql(statement: str, *values: Any) -> list[Any]:
    """Run a statement by hand. Returns its rows, or for one without rows how many it touched."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


def tenants_of(statement: str) -> set[UUID]:
    return {tenant_id for (tenant_id,) in sql(statement)}


def new_agent(tenant_id: UUID, slug: str = "echo") -> Agent:
    return Agent.objects.create(tenant_id=tenant_id, slug=slug, name="Echo")


@pytest.fixture
def agents(cast: Cast) -> dict[UUID, Agent]:
    """One agent for each tenant, under the tenant's id."""
    with platform_scope("test"):
        return {company.tenant.pk: new_agent(company.tenant.pk) for company in both(cast)}


def both(cast: Cast) -> tuple[Company, Company]:
    return cast.acme, cast.globex


# --- rows -----------------------------------------------------------------------------


def test_raw_sql_without_a_scope_sees_and_writes_nothing(agents: dict[UUID, Agent]) -> None:
    assert sql(AGENTS) == []
    assert sql("UPDATE conversations_agent SET name = 'taken'") == [0]
    assert sql("DELETE FROM conversations_agent") == [0]
    for tenant_id in agents:
        with pytest.raises(ProgrammingError, match="row-level security"):
            insert_agent(tenant_id)
    assert sql("SELECT count(*) FROM accounts_tenant") == [(2,)]


def insert_agent(tenant_id: UUID) -> list[Any]:
    return sql(
        "INSERT INTO conversations_agent (id, tenant_id, slug, name, description, prompt, model, "
        "voice, modality, recording, open_to_callers, limits, created_at) "
        "VALUES (%s, %s, 'x', 'x', '', '', '', '', '', 'off', '[]', '{}', now())",
        uuid7(),
        tenant_id,
    )


def test_raw_sql_in_a_tenants_scope_touches_its_rows_alone(agents: dict[UUID, Agent]) -> None:
    ours, theirs = agents
    with tenant_scope(ours):
        assert tenants_of(AGENTS) == {ours}
        assert sql("UPDATE conversations_agent SET name = 'ours'") == [1]
        with pytest.raises(ProgrammingError, match="row-level security"):
            insert_agent(theirs)
        with pytest.raises(ProgrammingError, match="row-level security"):
            sql("UPDATE conversations_agent SET tenant_id = %s", theirs)
        assert insert_agent(ours) == [1]
        assert sql("DELETE FROM conversations_agent") == [2]
    with platform_scope("test"):
        assert sql("SELECT tenant_id, name FROM conversations_agent") == [(theirs, "Echo")]


def test_raw_sql_in_the_platform_scope_sees_all(agents: dict[UUID, Agent]) -> None:
    ours, theirs = agents
    with platform_scope("test"):
        assert tenants_of(AGENTS) == {ours, theirs}
        with tenant_scope(theirs):
            assert tenants_of(AGENTS) == {theirs}
        assert sql("UPDATE conversations_agent SET name = 'all'") == [2]


def test_a_conflict_does_not_reach_another_tenants_row(agents: dict[UUID, Agent]) -> None:
    ours, theirs = agents
    with tenant_scope(ours), pytest.raises(ProgrammingError, match="row-level security"):
        sql(
            "INSERT INTO conversations_agent SELECT (jsonb_populate_record(agent, "
            "jsonb_build_object('id', %s::text))).* FROM conversations_agent agent "
            "ON CONFLICT (id) DO UPDATE SET name = 'taken'",
            str(agents[theirs].pk),
        )


def test_a_value_that_is_no_scope_opens_nothing(agents: dict[UUID, Agent]) -> None:
    with connection.cursor() as cursor:
        for value in ("", "Platform", str(uuid7())):
            # One message of our own, so that ours is the last word.
            told = f"SELECT 1; SET LOCAL parley.scope = '{value}'; {AGENTS}"
            try:
                with transaction.atomic():
                    cursor.execute(told)
                    cursor.nextset()
                    cursor.nextset()
                    assert cursor.fetchall() == []
            except Error as error:
                assert "invalid input syntax for type uuid" in str(error)  # noqa: PT017


def test_a_connection_that_is_used_again_leaks_nothing(transactional_db: None, cast: Cast) -> None:
    """As in production: in autocommit, over one connection, request after request."""
    ours, theirs = cast.acme.tenant.pk, cast.globex.tenant.pk
    members = "SELECT tenant_id FROM accounts_membership"
    same = connection.connection
    for tenant_id in (ours, theirs):
        with connection.cursor() as cursor:
            with tenant_scope(tenant_id):
                cursor.execute(members)
                assert {row[0] for row in cursor.fetchall()} == {tenant_id}
            cursor.execute(members)
            assert cursor.fetchall() == []
    with tenant_scope(ours):
        assert {row.tenant_id for row in Membership.objects.iterator(chunk_size=1)} == {ours}
    with connection.cursor() as cursor:
        cursor.execute(members)
        assert cursor.fetchall() == []
    assert connection.connection is same


# --- references -----------------------------------------------------------------------


@pytest.mark.parametrize("scope", [platform_scope, None])
def test_no_row_points_into_another_tenant(
    agents: dict[UUID, Agent], scope: Callable[[str], Any] | None
) -> None:
    ours, theirs = agents
    with tenant_scope(ours):
        talk = Conversation.objects.create(agent=agents[ours])
    move = "UPDATE conversations_agent SET tenant_id = %s WHERE tenant_id = %s"
    point = "UPDATE conversations_conversation SET agent_id = %s WHERE id = %s"
    with scope("test") if scope else tenant_scope(ours):
        with pytest.raises(IntegrityError, match=r"parley_.*_fk"):
            sql(f"SET CONSTRAINTS ALL IMMEDIATE; {point}", agents[theirs].pk, talk.pk)
        with pytest.raises((IntegrityError, ProgrammingError)):
            sql(f"SET CONSTRAINTS ALL IMMEDIATE; {move}", theirs, ours)


def test_cascades_and_nulls_go_on_as_before(agents: dict[UUID, Agent]) -> None:
    ours, _ = agents
    with tenant_scope(ours):
        talk = Conversation.objects.create(agent=agents[ours])
        talk.turns.create(  # type: ignore[attr-defined,unused-ignore]
            epoch=1, first_seq=1, last_seq=1, speaker="user", state="final", start_ms=0
        )
        talk.delete()
        agents[ours].delete()
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        assert sql("SELECT count(*) FROM conversations_turn") == [(0,)]


# --- the catalogue --------------------------------------------------------------------


def test_every_tenant_owned_table_is_held(db: None) -> None:
    for model in tenant_owned_models():
        table = model._meta.db_table
        held = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass"
        assert sql(held, table) == [(True, True)], table
        policies = sql(
            "SELECT polname, polcmd::text, polpermissive, polroles = '{0}', polqual IS NOT NULL, "
            "polwithcheck IS NOT NULL FROM pg_policy WHERE polrelid = %s::regclass",
            table,
        )
        assert policies == [(policy_of(model)[0], "*", True, True, True, True)], table


def test_no_tenant_owned_model_is_left_out() -> None:
    everyone = {model for model in apps.get_models() if issubclass(model, TenantOwned)}
    assert set(tenant_owned_models()) == everyone
    assert {AuditEntry, AuditSeal, AuditLink, Membership, Conversation} < everyone


def test_every_reference_has_its_composite_key(db: None) -> None:
    links = [
        (model._meta.db_table, field.column)
        for model in tenant_owned_models()
        for field in model._meta.local_concrete_fields
        if is_tenant_link(field)
    ]
    assert ("conversations_turn", "conversation_id") in links
    for table, column in links:
        found = sql(
            "SELECT array(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k(n, i) "
            "JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i), "
            "condeferrable, condeferred, convalidated, confdeltype::text, confupdtype::text "
            "FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass "
            "AND cardinality(conkey) = 2",
            table,
        )
        assert (["tenant_id", column], True, True, True, "a", "a") in found


# --- the application's role -------------------------------------------------------------


def test_we_are_a_role_that_owns_nothing(db: None) -> None:
    assert settings.MIGRATE_DATABASE is not None
    assert settings.MIGRATE_DATABASE["USER"] != settings.DATABASES["default"]["USER"]
    assert sql(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
        "WHERE rolname = current_user"
    ) == [(False, False, False, False)]
    owned = "SELECT relname FROM pg_class WHERE pg_has_role(relowner, 'MEMBER')"
    assert sql(owned) == []
    assert sql("SELECT 1 FROM pg_auth_members WHERE member = current_user::regrole") == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE conversations_turn DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE conversations_turn NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY everybody ON conversations_turn USING (true)",
        "DROP TABLE conversations_turn",
        "ALTER TABLE accounts_auditentry DISABLE TRIGGER USER",
        "TRUNCATE conversations_turn",
        "TRUNCATE accounts_auditentry",
        "UPDATE accounts_auditentry SET actor = actor",
        "DELETE FROM accounts_auditentry",
        "UPDATE accounts_auditseal SET hash = hash",
        "DELETE FROM accounts_auditseal",
        "DELETE FROM accounts_auditlink",
        "UPDATE accounts_auditlink SET tenant_id = tenant_id",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'x', now())",
        "CREATE TABLE public.mine (number int)",
        "SET ROLE parley_owner",
        "SET SESSION AUTHORIZATION parley_owner",
        "SET session_replication_role = replica",
    ],
)
def test_our_role_may_not(db: None, statement: str) -> None:
    with platform_scope("test"), pytest.raises(ProgrammingError, match=r"permission|must be owner"):
        sql(statement)


def test_row_security_cannot_be_asked_away(agents: dict[UUID, Agent]) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"):
        sql(f"SET LOCAL row_security = off; {AGENTS}")


def test_the_owner_is_held_too(owned_database: None, agents: dict[UUID, Agent]) -> None:
    ours, theirs = agents
    assert sql(AGENTS) == []
    with tenant_scope(ours):
        assert tenants_of(AGENTS) == {ours}
    with platform_scope("test"):
        assert tenants_of(AGENTS) == {ours, theirs}


def test_sealing_needs_no_more_than_our_role_may(cast: Cast) -> None:
    entries = sealed_entries(cast.acme.tenant, 2)
    with tenant_scope(cast.acme.tenant.pk):
        assert AuditLink.objects.filter(number=1).count() >= len(entries)


# --- bringing it up to date ---------------------------------------------------------------


@pytest.fixture
def mended(owned_database: None, db: None) -> Callable[[], None]:
    """As the owner, in a transaction that is rolled back: bring everything up to date."""

    def mend() -> None:
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        bring_up_to_date(connection, application_role())

    return mend


def state() -> list[Any]:
    """All that is made, without what a second making may change."""
    return [
        sql("SELECT polrelid::regclass::text, polname, oid FROM pg_policy ORDER BY 1, 2"),
        sql("SELECT conrelid::regclass::text, conname, oid FROM pg_constraint ORDER BY 1, 2"),
        sql("SELECT oid, relacl::text FROM pg_class WHERE relacl IS NOT NULL ORDER BY 1"),
    ]


def test_a_second_time_changes_nothing(mended: Callable[[], None]) -> None:
    before = state()
    mended()
    assert state() == before


def test_what_was_lost_comes_back(mended: Callable[[], None]) -> None:
    key = next(key for key in keys_of(Conversation) if key.target)
    policy, _ = policy_of(Conversation)
    sql(f"ALTER TABLE conversations_conversation DROP CONSTRAINT {key.name}")
    sql("ALTER TABLE conversations_conversation DISABLE ROW LEVEL SECURITY")
    sql("ALTER TABLE conversations_turn NO FORCE ROW LEVEL SECURITY")
    sql("REVOKE ALL ON conversations_agent FROM " + str(application_role()))
    sql("GRANT ALL ON accounts_auditentry TO " + str(application_role()))
    sql(f"ALTER POLICY {policy} ON conversations_conversation RENAME TO parley_scope_old")
    mended()
    secured = "SELECT bool_and(relrowsecurity AND relforcerowsecurity) FROM pg_class WHERE relname "
    assert sql(secured + "IN ('conversations_conversation', 'conversations_turn')") == [(True,)]
    assert sql("SELECT polname FROM pg_policy WHERE polname = 'parley_scope_old'") == []
    assert sql("SELECT 1 FROM pg_constraint WHERE conname = %s", key.name) == [(1,)]
    may = "SELECT has_table_privilege(%s, %s, %s)"
    role = application_role()
    assert sql(may, role, "conversations_agent", "SELECT") == [(True,)]
    assert sql(may, role, "accounts_auditentry", "UPDATE, DELETE, TRUNCATE") == [(False,)]


def test_what_nothing_asks_for_goes(mended: Callable[[], None]) -> None:
    made = Key("conversations_agent", "parley_old_key", ("tenant_id", "id"))
    sql(f"ALTER TABLE {made.table} ADD CONSTRAINT {made.name} UNIQUE (tenant_id, id)")
    sql(
        "ALTER TABLE conversations_conversation ADD CONSTRAINT parley_old_fk "
        f"FOREIGN KEY (tenant_id, agent_id) REFERENCES {made.table} (tenant_id, id)"
    )
    mended()
    assert sql(r"SELECT conname FROM pg_constraint WHERE conname LIKE 'parley\_old%'") == []


def test_tables_that_are_not_there_yet_are_left_for_later(mended: Callable[[], None]) -> None:
    sql("ALTER TABLE conversations_conversation DROP COLUMN agent_id CASCADE")
    sql("DROP TABLE conversations_event CASCADE")
    mended()
    assert sql("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'conversations_turn'") == [
        (True,)
    ]


def test_names_fit_into_postgresql(db: None) -> None:
    names = [key.name for model in tenant_owned_models() for key in keys_of(model)]
    names += [policy_of(model)[0] for model in tenant_owned_models()]
    assert max(map(len, names)) <= 63
    with pytest.raises(RuntimeError, match="transaction"), as_owner(connection):
        pass
