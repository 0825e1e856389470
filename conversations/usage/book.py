"""Writes usage down, in the transaction of the caller: each record once, and its day's sums.

Three statements and, where there are tokens, one for the prices, however many conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from django.db import connection

from accounts.ids import uuid7
from conversations.models import Amounts, Conversation, Usage, UsageDay
from conversations.usage.prices import Cost, Tariff
from conversations.usage.records import UsageRecord

# Columns that are added up.
SUMS: Final = tuple(field.name for field in Amounts._meta.get_fields() if field.name != "currency")
ROWS_AT_ONCE: Final = 500
DayKey = tuple[UUID, UUID, date]


def write_usage(records: Sequence[UsageRecord]) -> None:
    """Count `records`, except those that are counted already. Whoever calls holds the leases of
    their conversations, so nobody else writes the same ones. Needs the platform scope."""
    if not records:
        return
    ids = [record.id for record in records]
    known = set(Usage.objects.filter(id__in=ids).values_list("id", flat=True))
    fresh = [record for record in records if record.id not in known]
    priced = any(record.tokens for record in fresh)
    tariff = Tariff.current() if priced else Tariff(())
    rows = [usage_row(record, tariff) for record in fresh]
    Usage.objects.bulk_create(rows)
    add_to_days(days_of(zip(fresh, rows, strict=True)))


def usage_row(record: UsageRecord, tariff: Tariff) -> Usage:
    account = record.account
    cost = tariff.cost(account.model, record.day, record.tokens) if record.tokens else Cost()
    return Usage(
        id=record.id,
        tenant_id=account.tenant_id,
        # By its name only: the claim read its tenant, so nothing is looked up.
        conversation=Conversation(id=account.conversation_id, tenant_id=account.tenant_id),
        epoch=record.epoch,
        number=record.number,
        day=record.day,
        model=account.model,
        talked_ms=record.talked_ms,
        cost_micros=cost.micros,
        currency=cost.currency,
        unpriced_tokens=cost.unpriced_tokens,
        **{str(kind): count for kind, count in record.tokens.items()},
    )


def days_of(counted: Iterable[tuple[UsageRecord, Usage]]) -> list[UsageDay]:
    """What is to be added to which day of whom, in one order for all workers: two that add to the
    same days never wait for each other in a circle."""
    days: dict[DayKey, UsageDay] = {}
    for record, usage in counted:
        for whose, subject in parties_of(record):
            key = (usage.tenant_id, subject, usage.day)
            if key not in days:
                days[key] = UsageDay(
                    id=uuid7(), tenant_id=key[0], whose=whose, subject=subject, day=usage.day
                )
            _add(days[key], usage)
    return [days[key] for key in sorted(days)]


def parties_of(record: UsageRecord) -> list[tuple[UsageDay.Whose, UUID]]:
    """Whose sums it counts in. A program that talks by its key is no person."""
    account = record.account
    parties = [
        (UsageDay.Whose.TENANT, account.tenant_id),
        (UsageDay.Whose.AGENT, account.agent_id),
    ]
    if account.user_id is not None:
        parties.append((UsageDay.Whose.USER, account.user_id))
    if account.token_id is not None:
        parties.append((UsageDay.Whose.TOKEN, account.token_id))
    return parties


def _add(day: UsageDay, usage: Usage) -> None:
    for name in SUMS:
        setattr(day, name, getattr(day, name) + getattr(usage, name))
    day.currency = usage.currency or day.currency


def add_to_days(days: Sequence[UsageDay]) -> None:
    """Make the rows, or add to those that are there; no two of `days` are of the same day."""
    for start in range(0, len(days), ROWS_AT_ONCE):
        _add_rows(days[start : start + ROWS_AT_ONCE])


def _add_rows(days: Sequence[UsageDay]) -> None:
    # Django can replace what is there, but not add to it.
    fields = UsageDay._meta.concrete_fields
    columns = [str(field.column) for field in fields]
    table = UsageDay._meta.db_table
    row = f"({', '.join(['%s'] * len(columns))})"
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in SUMS)
    sql = (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * len(days))} "  # noqa: S608 - names of our own columns
        f"ON CONFLICT (tenant_id, subject, day) DO UPDATE SET {added}, "
        f"currency = CASE excluded.currency WHEN '' THEN {table}.currency "
        "ELSE excluded.currency END"
    )
    values = [
        field.get_db_prep_save(getattr(day, field.attname), connection)
        for day in days
        for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
