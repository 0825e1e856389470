"""A tenant with something in every table, for tests of leaving."""

import io
import json
import time
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.account.internal.userkit import user_id_to_str
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import invitations
from accounts.audit import SYSTEM, record
from accounts.audit.sealing import seal_chain
from accounts.credentials import set_secret
from accounts.leaving.archives import ask_for_archive, make
from accounts.leaving.decisions import owned_models
from accounts.leaving.files import name_of
from accounts.leaving.models import LEASE, Archive
from accounts.models import Credential, Tenant, User
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, BudgetNotice, Conversation, Event, Lease, Usage, UsageDay
from tests.cast import Company
from tests.conversations.talks import add_event, make_agent, make_conversation, signed_in

GEMINI_SECRET = "AIza-canary-of-gemini-canary-of-gemini"  # in no file of anybody
INVITED = "invited@example.com"
WORDS = ("Do you have size 42?", "Yes, two pairs in Lyon.", "Ça va, 👍")


@dataclass
class Clock:
    """A clock that only moves when it is told to."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **parts: float) -> None:
        self.now += timedelta(**parts)


def furnish(company: Company) -> str:
    """Put something into every table and into the storage. Returns the invitation's token."""
    tenant = company.tenant
    agent = make_agent(tenant)
    talk = make_conversation(agent, company.member, WORDS)
    add_event(talk, 9, "interrupted")
    with tenant_scope(tenant.pk):
        Lease.objects.create(conversation=talk)
        credential = Credential(
            tenant=tenant,
            name="Gemini",
            kind=Credential.Kind.API_KEY,
            endpoint=Credential.Endpoint.DEVELOPER,
            last_four="mini",
        )
        set_secret(credential, GEMINI_SECRET)
        credential.save()
        _, link = invitations.invite(
            tenant, INVITED, Role.MEMBER, actor=SYSTEM, created_by=company.owner
        )
        Usage.objects.create(conversation=talk, epoch=1, number=1, day=timezone.now().date())
        UsageDay.objects.create(subject=tenant.pk, whose="tenant", day=timezone.now().date())
        BudgetNotice.objects.create(
            subject=tenant.pk, kind="cost_day", since=timezone.now(), is_hard=False
        )
        for number in range(3):
            record(f"probe.made-{number}", actor=SYSTEM, after={"é": number})
        seal_chain(tenant.pk, timezone.now())
        record("probe.waits", actor=SYSTEM)
    default_storage.save(name_of(tenant.pk, "recordings", "1.wav"), ContentFile(b"RIFF" * 50_000))
    return link.partition("key=")[2]


def add_conversations(company: Company, count: int) -> None:
    with tenant_scope(company.tenant.pk):
        agent = Agent.objects.first() or make_agent(company.tenant)
        rows = Conversation.objects.bulk_create(
            Conversation(tenant=company.tenant, agent=agent, first_words=f"{number}")
            for number in range(count)
        )
        Event.objects.bulk_create(
            Event(tenant=company.tenant, conversation=row, epoch=1, seq=1, kind="probe", ms=1)
            for row in rows
        )


def made_archive(tenant: Tenant, clock: Clock | None = None, page: int = 500) -> Archive:
    """An archive that is ready."""
    clock = clock or Clock(datetime.now(UTC))
    with tenant_scope(tenant.pk):
        archive = ask_for_archive(tenant, SYSTEM)
    clock.now = max(clock.now, archive.lease_until)
    assert make(archive.pk, clock=clock, page=page)
    return stored(archive)


def stored(archive: Archive) -> Archive:
    with tenant_scope(archive.tenant_id):
        row: Archive = Archive.objects.get(pk=archive.pk)
    return row


def after_lease(now: datetime) -> Clock:
    return Clock(now + LEASE + timedelta(seconds=1))


def unzipped(archive: Archive) -> dict[str, bytes]:
    with default_storage.open(archive.file) as file, zipfile.ZipFile(io.BytesIO(file.read())) as z:
        assert z.testzip() is None
        return {name: z.read(name) for name in z.namelist()}


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().splitlines()]


def traces_of(tenant_id: UUID, *others: UUID) -> dict[str, int]:
    """Table -> rows in which one of the ids stands in any column, in every table that we may read.
    (The words of the search go with their turns, by a trigger: tests of the search.)"""
    ids = (tenant_id, *others)
    wanted = [text for one in ids for text in (str(one), one.hex)]
    found = {}
    with platform_scope("test"), connection.cursor() as cursor:
        for table in filter(may_read, connection.introspection.table_names(cursor)):
            cursor.execute(f"TABLE {connection.ops.quote_name(table)}")
            rows = [str(row) for row in cursor.fetchall()]
            count = sum(any(text in row for text in wanted) for row in rows)
            if count:
                found[table] = count
    return found


def may_read(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [table])
        return bool(cursor.fetchone()[0])


def left_in(tenant_id: UUID) -> dict[str, int]:
    """Table -> rows of the tenant in every tenant-owned model."""
    with tenant_scope(tenant_id):
        counts = {model._meta.label: model.objects.count() for model in owned_models()}
    return {label: count for label, count in counts.items() if count}


def just_signed_in(user: User, seconds_ago: float = 0) -> Client:
    """With the note in the session that allauth makes when somebody gives her password."""
    client = signed_in(user)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() - seconds_ago}
    ]
    session["account_authentication_methods_user"] = user_id_to_str(user)
    session.save()
    return client
