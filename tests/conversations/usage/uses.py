"""Usage for tests: written as the writer does it, at prices that are easy to reckon with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from accounts.ids import uuid7
from accounts.tenancy import platform_scope
from conversations.models import Conversation, Price
from conversations.states import TokenKind
from conversations.usage.book import write_usage
from conversations.usage.records import Account, UsageRecord

MODEL = "gemini-3.8-live"
DAY = date(2026, 11, 23)
SPOKEN: Mapping[TokenKind, int] = {
    TokenKind.TEXT_IN: 1000,
    TokenKind.AUDIO_IN: 100,
    TokenKind.AUDIO_OUT: 50,
}
# What SPOKEN costs by `set_prices`, in micro-units.
SPOKEN_COSTS = 1000 * 1 + 100 * 3 + 50 * 12


def set_prices(model: str = MODEL, **changed: int | None) -> None:
    """One, three and twelve micro-units for a token; the table holds nothing else."""
    micros: dict[str, int | None] = {"text_in": 1, "audio_in": 3, "audio_out": 12, **changed}
    Price.objects.all().delete()
    Price.objects.bulk_create(
        Price(
            model=model,
            kind=kind,
            micros_per_million=None if each is None else each * 1_000_000,
            valid_from=date(2026, 1, 1),
        )
        for kind, each in micros.items()
    )


def account_of(row: Conversation, model: str = MODEL) -> Account:
    return Account(row.tenant_id, row.pk, row.agent_id, row.user_id, model)


def a_record(row: Conversation, number: int = 1, **fields: Any) -> UsageRecord:
    return UsageRecord(
        **{
            "id": uuid7(),
            "account": account_of(row),
            "epoch": 1,
            "number": number,
            "day": DAY,
            "talked_ms": 60_000,
            "tokens": SPOKEN,
            **fields,
        }
    )


def use(row: Conversation, *numbers: int, **fields: Any) -> None:
    """Write down one record for each number."""
    with platform_scope("test"):
        write_usage([a_record(row, number, **fields) for number in numbers or (1,)])
