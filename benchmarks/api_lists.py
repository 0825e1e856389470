"""How long the API's list of conversations takes over a million, however it is asked for.

The yardstick is the least that a page can cost: one statement for the very rows that are answered,
by their ids, in a transaction of the tenant. Then the same page of a small organisation in the same
tables. All take turns, so the machine's other work is in all. The views are real and run in the
benchmark's own process, as in `lists.py`.
"""

# ruff: noqa: PLC0415 - models exist only once Django is set up

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import lists
from benchmarks.lists import FEW, MUST_MS, database
from benchmarks.run import machine, write

MARKS = (
    "<!-- API lists: written by `benchmarks/api_lists.py --write` -->",
    "<!-- end of API lists -->",
)
LIST: Final = "/api/v1/conversations/"
PAGES = {
    "first page": "",
    "page after half of them": "?cursor={cursor}",
    "of one agent in 20": "?agent={agent}",
    "of a state, 1 in 1,000": "?state=live",
    "of a state, nearly all": "?state=ended",
    "of a tag, 1 in 16": "?tag=shoes",
    "of a tag, 1 in 65,536": "?tag=rare",
    "of agent, state and tag": "?agent={agent}&state=ended&tag=shoes",
    "of a word, 1 in 65,536": "?text=quokka",
    "of a word, 1 in 16": "?text=leather",
    "of a word in all of them": "?text=size",
}
AGENTS: Final = 20
# What differs between the copies of a conversation; `n` is the copy's number.
OPEN: Final = "n % 1000 = 0"
DIFFERING: Final = {
    "state": f"CASE WHEN {OPEN} THEN 'live' ELSE 'ended' END",
    "end_reason": f"CASE WHEN {OPEN} THEN '' ELSE 'user-left' END",
    "ended_at": f"CASE WHEN {OPEN} THEN NULL ELSE now() END",
}
# The ids end in chance: which conversations have a tag or a word.
TAGS: Final = """
INSERT INTO conversations_tag (id, tenant_id, conversation_id, name, added_by, created_at)
SELECT gen_random_uuid(), tenant_id, id, %s, 'system', now()
FROM conversations_conversation WHERE tenant_id = %s AND id::text LIKE %s
"""
SAID: Final = """
'Do you have these in size 42, and in brown '
|| CASE WHEN c.id::text LIKE '%%1' THEN 'leather' ELSE 'canvas' END
|| CASE WHEN c.id::text LIKE '%%0001' THEN ' for a quokka?' ELSE '?' END
"""


@dataclass(frozen=True)
class Organisation:
    """Whose list it is. `places` are what the pages' addresses name."""

    tenant: UUID
    client: Any
    places: dict[str, str]

    def page(self, query: str) -> tuple[float, int, list[str]]:
        """Get a page. Returns milliseconds, statements, and the ids that it has."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        address = LIST + query.format(**self.places)
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter()
            answer = self.client.get(address)
            took = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}")
        return took, len(captured), [row["id"] for row in answer.json()["results"]]

    def bare(self, ids: Sequence[str]) -> float:
        """The yardstick: milliseconds of one statement for these rows."""
        from django.db import connection

        from accounts.tenancy import tenant_scope

        began = time.perf_counter()
        with tenant_scope(self.tenant), connection.cursor() as cursor:
            cursor.execute(
                "SELECT * FROM conversations_conversation WHERE id = ANY(%s::uuid[])"
                " ORDER BY id DESC",
                [list(ids)],
            )
            cursor.fetchall()
        return (time.perf_counter() - began) * 1000


@dataclass(frozen=True)
class Row:
    """A page's times in ms: over many rows, over few, and the yardstick's for the same rows."""

    page: str
    many: Sequence[float]
    few: Sequence[float]
    bare: Sequence[float]
    statements: int
    found: int

    def __str__(self) -> str:
        many, few, bare = median(self.many), median(self.few), median(self.bare)
        verdict = "met" if many <= MUST_MS else "missed"
        figures = f"{many:.0f} | {bare:.1f} | {many / bare:.0f} | {few:.0f} | {many / few:.2f}"
        return f"| {self.page} | {self.found} | {figures} | {self.statements} | {verdict} |"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    os.environ.update(API_CALLER_RATE="0", API_TENANT_RATE="0")
    with database():
        large, small = prepare(options.rows)
        rows = list(measure(large, small, rounds=options.rounds))
    text = page(rows, options)
    print(text)
    if options.write:
        write(text, MARKS)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=lists.ROWS, help="conversations of the large one"
    )
    parser.add_argument("--rounds", type=int, default=lists.ROUNDS)
    parser.add_argument("--write", action="store_true", help="into benchmarks/README.md")
    return parser.parse_args(arguments)


def prepare(rows: int) -> tuple[Organisation, Organisation]:
    """Fill the tables with a large and a small one."""
    from django.db import connection

    from accounts.postgresql.owner import as_owner

    made = organisation("large", rows), organisation("small", FEW)
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return made


def organisation(slug: str, rows: int) -> Organisation:
    from django.test import Client

    from accounts.api_keys import create_api_key
    from accounts.models import Tenant, User
    from accounts.tenancy import tenant_scope
    from conversations.api.pagination import encode
    from conversations.models import Agent, Conversation
    from tests.conversations.talks import make_agent, make_conversation
    from tests.copies import multiply

    tenant = Tenant.objects.create(slug=slug, name=slug.title())
    agents: list[Agent] = [make_agent(tenant, f"agent-{number}") for number in range(AGENTS)]
    person = User.objects.create_user(f"person@{slug}.example")
    first = make_conversation(agents[0], person, ["Hello?"])
    ids = ",".join(str(each.pk) for each in agents)
    by_agent = {"agent_id": f"('{{{ids}}}'::uuid[])[n % {AGENTS} + 1]"}
    multiply(first, rows, DIFFERING | by_agent)
    annotate(first)
    with tenant_scope(tenant.pk):
        [middle] = Conversation.objects.order_by("-id")[rows // 2 :][:1]
    _, key = create_api_key(tenant, "bench", ["read"])
    places = {"agent": str(agents[1].pk), "cursor": encode([middle.pk])}
    client = Client(headers={"host": "localhost", "authorization": f"Bearer {key}"})
    return Organisation(tenant.pk, client, places)


def annotate(first: Any) -> None:
    """Give the copies of a conversation their tags and a turn each, like that of the first."""
    from django.db import connection

    from accounts.tenancy import platform_scope
    from conversations.models import Turn

    own = {"id": "gen_random_uuid()", "conversation_id": "c.id", "text": SAID}
    columns = [str(field.column) for field in Turn._meta.concrete_fields]
    values = ", ".join(own.get(name, f't."{name}"') for name in columns)
    with platform_scope("a benchmark's rows"), connection.cursor() as cursor:
        for name, ending in (("shoes", "%0"), ("rare", "%0000")):
            cursor.execute(TAGS, [name, first.tenant_id, ending])
        cursor.execute(
            f"INSERT INTO conversations_turn ({', '.join(columns)}) SELECT {values} "  # noqa: S608
            "FROM conversations_conversation c, conversations_turn t "
            "WHERE c.tenant_id = %s AND t.conversation_id = %s AND c.id <> t.conversation_id",
            [first.tenant_id, first.pk],
        )


def measure(large: Organisation, small: Organisation, *, rounds: int) -> Iterator[Row]:
    """Each round looks at every page, so that a busy minute of the machine is in all of them."""
    found = {query: large.page(query)[1:] for query in PAGES.values()}
    looks = [
        {query: (large.page(query)[0], small.page(query)[0], large.bare(ids))}
        for _ in range(rounds)
        for query, (_, ids) in found.items()
    ]
    for name, query in PAGES.items():
        many, few, bare = zip(*(look[query] for look in looks if query in look), strict=True)
        statements, ids = found[query]
        yield Row(name, many, few, bare, statements, len(ids))


def page(rows: Sequence[Row], options: argparse.Namespace) -> str:
    head = (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {machine()}. "
        f"{options.rows:,} conversations with a turn each, beside an organisation with {FEW:,}; "
        f"medians of {options.rounds} rounds, in ms."
    )
    many = f"| page | rows | {options.rows:,} | bare statement | times bare "
    few = f"| {FEW:,} | times few | statements | ≤ {MUST_MS} ms |"
    table = [many + few, "|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    return "\n".join([head, "", *table, *map(str, rows)])


if __name__ == "__main__":
    sys.exit(main())
