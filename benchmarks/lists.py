"""How long the list pages take over a million conversations, against the same pages over a few.

One PostgreSQL, one organisation with many rows beside a small one, the real views through
Django's test client: what is measured is the statement and the page, not the web server. Both
take turns, so the machine's other work is in both.
"""

# ruff: noqa: PLC0415 - models exist only once Django is set up

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.run import machine, write
from tests.services import Services, clean

MARKS = ("<!-- lists: written by `benchmarks/lists.py --write` -->", "<!-- end of lists -->")
ROWS, FEW, ROUNDS = 1_000_000, 2_500, 15
MUST_MS = 300
PAGES = {
    "admin, first page": "/admin/conversations/conversation/",
    "admin, page 40": "/admin/conversations/conversation/?p=40",
    "admin, one by its id": "/admin/conversations/conversation/?q={id}",
    "admin, home": "/admin/",
    "admin, audit": "/admin/accounts/auditentry/",
    "review, first page": "/review/",
    "history, first page": "/history/",
}


@dataclass(frozen=True)
class Row:
    """A page's times in ms, over many rows and over few, and its statements."""

    page: str
    many: Sequence[float]
    few: Sequence[float]
    statements: int

    def __str__(self) -> str:
        many, few = median(self.many), median(self.few)
        verdict = "met" if many <= MUST_MS else "missed"
        figures = f"{many:.0f} | {few:.0f} | {many / few:.2f} | {self.statements}"
        return f"| {self.page} | {figures} | {verdict} |"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    with database():
        visitors = prepare(options.rows)
        rows = list(measure(*visitors, rounds=options.rounds))
    text = page(rows, options)
    print(text)
    if options.write:
        write(text, MARKS)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="conversations of the large one")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", action="store_true", help="into benchmarks/README.md")
    return parser.parse_args(arguments)


@contextmanager
def database() -> Iterator[None]:
    """An empty PostgreSQL with Parley's tables, for as long as the block runs."""
    clean(os.environ)
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    services = Services()
    try:
        services.start_postgres()
        os.environ.update(services.environment)
        os.environ.update(DJANGO_SETTINGS_MODULE="config.settings", LOG_LEVEL="WARNING")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("keyset", "create", stdout=StringIO())
        call_command("migrate", verbosity=0)
        yield
    finally:
        services.stop()


Visit = Callable[[str], tuple[float, int]]


def prepare(rows: int) -> tuple[Visit, Visit]:
    """Fill the tables. Returns how the owners of the large and of the small one look at a page."""
    from django.db import connection

    from accounts.postgresql.owner import as_owner

    visits = organisation("large", rows), organisation("small", FEW)
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return visits


def organisation(slug: str, rows: int) -> Visit:
    from django.test import Client

    from accounts.audit import record
    from accounts.models import Membership, Tenant, User
    from accounts.roles import Role
    from accounts.tenancy import tenant_scope
    from conversations.models import Agent, Conversation
    from tests.browsers import keep_secrets
    from tests.copies import multiply

    tenant = Tenant.objects.create(slug=slug, name=slug.title())
    owner = User.objects.create_user(f"owner@{slug}.example")
    with tenant_scope(tenant.pk):
        Membership.objects.create(user=owner, role=Role.OWNER)
        agent = Agent.objects.create(slug="guide", name="Guide")
        conversation = Conversation.objects.create(agent=agent, user=owner)
        entry = record("conversation.seen", conversation, actor=f"user:{owner.pk}")
    multiply(conversation, rows)
    multiply(entry, rows)
    keep_secrets()
    client = Client(headers={"host": "localhost"})
    client.force_login(owner)

    def visit(address: str) -> tuple[float, int]:
        return look(client, address.format(id=conversation.pk))

    return visit


def look(client: Any, address: str) -> tuple[float, int]:
    """Get a page. Returns milliseconds and how many statements it took."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        answer = client.get(address)
        took = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")
    return took, len(captured)


def measure(large: Visit, small: Visit, *, rounds: int) -> Iterator[Row]:
    for name, address in PAGES.items():
        (_, statements), _ = large(address), small(address)  # templates are read once
        looks = [(large(address)[0], small(address)[0]) for _ in range(rounds)]
        many, few = zip(*looks, strict=True)
        yield Row(name, many, few, statements)


def page(rows: Sequence[Row], options: argparse.Namespace) -> str:
    head = (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {machine()}. "
        f"{options.rows:,} conversations and as many audit entries, beside an organisation "
        f"with {FEW:,}; medians of {options.rounds} rounds, in ms."
    )
    table = [
        f"| page | {options.rows:,} rows | {FEW:,} rows | times | statements | ≤ {MUST_MS} ms |",
        "|---|---:|---:|---:|---:|---|",
    ]
    return "\n".join([head, "", *table, *map(str, rows)])


if __name__ == "__main__":
    sys.exit(main())
