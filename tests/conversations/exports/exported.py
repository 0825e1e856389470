"""Exports for tests: asking, making, and reading what came out."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import timedelta
from typing import Any

from django.core.files.storage import default_storage

from accounts.leaving.files import files_below
from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from conversations.exports.files import folder_of
from conversations.exports.jobs import LEASE, ask_for_export, make
from conversations.exports.wanted import Wanted
from conversations.models import Agent, Export, ExportPart
from tests.accounts.leaving.stage import Clock
from tests.cast import Company
from tests.conversations.talks import add_event, make_agent, make_conversation

ASKER = "user:01890a5d-ac96-774b-bcce-b302099a8057"


def asked(tenant: Tenant, what: str = "jsonl", wanted: Wanted | None = None, **how: Any) -> Export:
    with tenant_scope(tenant.pk):
        return ask_for_export(wanted or Wanted(), what, ASKER, **how)


def made(
    tenant: Tenant, clock: Clock, what: str = "jsonl", wanted: Wanted | None = None, **how: Any
) -> Export:
    """An export that is ready."""
    export = asked(tenant, what, wanted, **how)
    assert make(export.pk, clock=clock)
    return stored(export)


def stored(export: Export) -> Export:
    with tenant_scope(export.tenant_id):
        row: Export = Export.objects.get(pk=export.pk)
    return row


def parts_of(export: Export) -> list[ExportPart]:
    with tenant_scope(export.tenant_id):
        return list(ExportPart.objects.filter(export=export))


def files_of(export: Export) -> list[str]:
    return list(files_below(folder_of(export.tenant_id, export.pk)))


def raw(export: Export) -> bytes:
    """The file as it lies there."""
    with default_storage.open(export.file) as file:
        data: bytes = file.read()
    return data


def text(export: Export) -> str:
    return gzip.decompress(raw(export)).decode()


def members(data: bytes) -> dict[str, bytes]:
    """What is in a tar archive, by name."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        files = {each.name: archive.extractfile(each) for each in archive}
        return {name: file.read() for name, file in files.items() if file}


def after_lease(clock: Clock) -> Clock:
    return Clock(clock.now + LEASE + timedelta(seconds=1))


def talk_a_lot(company: Company, talks: int, turns: int = 4) -> Agent:
    """Conversations of which each says something else, with an event in each third one."""
    agent = make_agent(company.tenant)
    for number in range(talks):
        words = [f"Word {number}.{each}, ça va 👍" for each in range(turns)]
        talk = make_conversation(agent, company.member, words)
        if number % 3 == 0:
            add_event(talk, 900, "interrupted")
    return agent
