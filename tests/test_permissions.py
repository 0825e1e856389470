"""Every address and every socket x who asks x whose it is: what is answered.

The addresses come from the URL resolver, the admin's registry and the socket routing, so a new
one without a row fails here. To add a row, name the address in one of these tables:

- a page of the site or of the API: `tests/permissions/site.py`, by the name of its route.
  `Page(may=MANAGERS, post=GOES_ON, of=Membership)`: who may, what GET and POST answer them
  (200 and 405 if nothing is said), and whose id stands in the address.
- a model of the admin: a line in MODELS of `tests/permissions/admin.py`; a view beside Django's
  own five: a row in VIEWS; an action: a line in ACTIONS.
- a socket: `tests/permissions/sockets.py`.
- a model that no row was made of yet: a row of it in `tests/permissions/furniture.py`.

What a row does not say follows from its kind (`tests/permissions/rows.py`): who may not, who
has not logged in, and another tenant's ids, which are unknown to everybody, as ids that nobody
has are. Requests that are not granted must write nothing, and no answer names the other tenant.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from conversations import protocol as p
from conversations.dropin.handles import handle_of
from conversations.dropin.refusals import not_the_setup
from conversations.models import Agent, Conversation
from tests.cast import Cast
from tests.permissions.admin import ACTIONS, ADMIN, MODELS
from tests.permissions.furniture import CANARY, Furniture, furnish
from tests.permissions.routes import actions, address_of, registered, routes, socket_paths
from tests.permissions.rows import (
    LOG_IN,
    NO_SUCH_METHOD,
    REFUSED,
    WHO_ARE_YOU,
    Method,
    Row,
    Whose,
)
from tests.permissions.site import API, SITE
from tests.permissions.sockets import LET_IN, SOCKETS, LiveApi
from tests.permissions.visitors import KEYS, VISITORS, key, visit

TABLE = SITE | ADMIN
ONE_BY_ONE = frozenset({"make_primary", "replace_secret", "rotate"})
TIMEOUT_S = 20
METHODS: tuple[Method, ...] = ("get", "post")
SIDES: tuple[Whose, ...] = ("own", "other")
# Whose pages are read to their last word. The others see parts of these; what counts there is the
# status, and drawing them would be most of the time.
READERS = frozenset({"owner", "operator"})
UNDRAWN = [{"BACKEND": "tests.permissions.undrawn.Undrawn", "DIRS": [], "OPTIONS": {}}]
TURNED_AWAY = frozenset({LOG_IN, WHO_ARE_YOU, REFUSED, NO_SUCH_METHOD})
WRITES = re.compile(r'^(?:INSERT INTO|UPDATE|DELETE FROM) "((?:accounts|conversations)_\w+)"')


def test_every_route_has_a_row() -> None:
    assert set(TABLE) == set(routes())


def test_every_socket_path_has_a_row() -> None:
    assert list(SOCKETS) == socket_paths()


def test_every_model_of_the_admin_has_a_line() -> None:
    assert set(MODELS) == set(registered())
    assert set(ACTIONS) == actions()


def test_every_table_names_what_exists_once() -> None:
    assert len(TABLE) == len(SITE) + len(ADMIN)


@pytest.fixture
def quiet() -> Iterator[None]:
    """A refusal is logged with its traceback: a thousand of them take as long as the requests."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@dataclass
class Walk:
    """One visitor's way through the table; `wrong` are the cells that were not as it says."""

    visitor: str
    client: Client
    sides: dict[Whose, Furniture]
    secrets: tuple[str, ...]
    wrong: list[str] = field(default_factory=list)

    def cell(self, name: str, row: Row, method: Method, whose: Whose) -> None:
        address = address_of(name, row, self.sides[whose])
        expected = row.status(self.visitor, method, whose)
        grants = row.grants(self.visitor, method, whose)
        self.ask(f"{name} {method.upper()} {whose}", address, method, row.data, expected, grants)

    def ask(
        self, cell: str, address: str, method: Method, data: Any, expected: int, grants: bool
    ) -> None:
        """Ask, look at the answer, and take back what was done."""
        cookies = dict(self.client.cookies)
        with transaction.atomic(), noted_writes() as written:
            answer = getattr(self.client, method)(address, data)
            transaction.set_rollback(True)
        self.client.cookies.clear()
        self.client.cookies.update(cookies)
        if answer.status_code != expected:
            self.wrong.append(f"{cell}: {answer.status_code}, expected {expected}")
        if written and not grants:
            self.wrong.append(f"{cell}: wrote {sorted(written)}")
        self.wrong += [f"{cell}: shows {found}" for found in self.shown(answer)]

    def shown(self, answer: Any) -> list[str]:
        text = "".join(map(str, answer.headers.values()))
        text += "" if answer.streaming else answer.content.decode(errors="replace")
        found = ["a secret"] if any(secret in text for secret in self.secrets) else []
        stranger = {"operator": "", "key-globex": "acme"}.get(self.visitor, "globex")
        return [*found, stranger] if stranger and stranger in text.lower() else found


@contextmanager
def noted_writes() -> Iterator[set[str]]:
    """The tables that are written to meanwhile. When a key or a session was last used is noted
    whatever it asks for, and so are requests to the API."""
    written: set[str] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = WRITES.match(sql)
        if found and "last_used_at" not in sql and found[1] != "accounts_apirequest":
            written.add(found[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield written


@pytest.fixture
def own_cache(settings: Settings) -> None:
    """So many attempts to sign in must not count against another test's."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def sides(cast: Cast, keyset_file: object) -> dict[Whose, Furniture]:
    return {"own": furnish(cast.acme), "other": furnish(cast.globex)}


@pytest.mark.parametrize("ids", ["looked-at", pytest.param("all", marks=pytest.mark.full)], ids=str)
@pytest.mark.parametrize("visitor", VISITORS)
def test_what_is_answered(
    visitor: str,
    ids: str,
    cast: Cast,
    sides: dict[Whose, Furniture],
    quiet: None,
    own_cache: None,
    settings: Settings,
) -> None:
    client = visit(cast, visitor)
    keys = (cast.acme.api_key, cast.globex.api_key)
    walk = Walk(visitor, client, sides, (CANARY, *(key.rsplit("_", 1)[1] for key in keys)))
    # A key counts at the API only; that another address does not look at it, one page shows.
    table = {**API, "lobby": TABLE["lobby"]} if visitor in KEYS else TABLE
    for method in METHODS:
        if method == "post" or visitor not in READERS:
            settings.TEMPLATES = UNDRAWN
        for name, row in table.items():
            has_both = row.of is not None and (ids == "all" or looks(row, visitor, method))
            for whose in SIDES if has_both else SIDES[:1]:
                walk.cell(name, row, method, whose)
    if visitor not in KEYS:
        act_on_rows(walk)
    if walk.wrong:
        pytest.fail("\n".join([f"as {visitor}:", *walk.wrong]), pytrace=False)


def looks(row: Row, visitor: str, method: Method) -> bool:
    """Whether it matters to the answer whose id is asked for: most are turned away before."""
    own, other = (row.status(visitor, method, whose) for whose in SIDES)
    return own != other or own not in TURNED_AWAY


def act_on_rows(walk: Walk) -> None:
    """Each action of the admin on an own row, which asks first, and, as if it had asked, on that
    and another tenant's."""
    for (model, action), may in ACTIONS.items():
        listed = TABLE[f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"]
        own, other = (str(walk.sides[whose].rows[model].pk) for whose in SIDES)
        seen = listed.status(walk.visitor, "post", "own")
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for chosen in ([own], [own, other]):
            data = {"action": action, "index": "0", "_selected_action": chosen}
            data |= {"confirmed": "yes"} if len(chosen) == 2 and walk.visitor != "operator" else {}
            hidden = seen == 200 and walk.visitor != "operator" and len(chosen) == 2
            expected = 404 if hidden and walk.visitor in may else seen
            if len(chosen) == 2 and action in ONE_BY_ONE and walk.visitor == "operator":
                expected = 302  # back to the list, which says so
            if seen == 200 and walk.visitor not in may and walk.visitor in MODELS[model].deleted:
                expected = 302  # it has other actions: the list says that this is none
            cell = f"{model.__name__} {action} of {len(chosen)}"
            walk.ask(cell, address, "post", data, expected, grants=False)


# --- sockets -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """What a visitor brings to a socket: a cookie, or a key in the first message."""

    cookie: str = ""
    key: str | None = None


@pytest.fixture
async def doors(shared_cast: Cast) -> AsyncIterator[dict[str, Door]]:
    from accounts.database import close_database_threads  # noqa: PLC0415

    yield await asyncio.to_thread(doors_of, shared_cast)
    await asyncio.to_thread(close_database_threads)


def doors_of(cast: Cast) -> dict[str, Door]:
    try:
        return {visitor: door_of(cast, visitor) for visitor in VISITORS}
    finally:
        connections.close_all()


def door_of(cast: Cast, visitor: str) -> Door:
    if visitor in KEYS:
        return Door(key=key(cast, visitor))
    name = django_settings.SESSION_COOKIE_NAME
    found = visit(cast, visitor).cookies.get(name)
    return Door(cookie=f"{name}={found.value}" if found else "")


def furnish_both(cast: Cast) -> dict[Whose, Furniture]:
    try:
        return {"own": furnish(cast.acme), "other": furnish(cast.globex)}
    finally:
        connections.close_all()


def first_message(opening: str, furniture: Furniture, key: str | None) -> bytes:
    if opening == "start":
        return p.encode(p.Start(agent=str(furniture.rows[Agent].pk), key=key))
    return p.encode(p.Resume(str(furniture.rows[Conversation].pk), 0, 0, key))


def setup_message(opening: str, furniture: Furniture) -> str:
    """The same in Google's protocol."""
    setup: dict[str, Any] = {"model": f"models/{furniture.rows[Agent].slug}"}
    if opening == "resume":
        setup = {"model": "models/gemini-3.8-live"}
        setup["sessionResumption"] = {"handle": handle_of(furniture.rows[Conversation].pk)}
    return msgspec.json.encode({"setup": setup}).decode()


@pytest.fixture
async def application(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The ASGI application, with a switchboard that lives in this test's loop."""
    from config import asgi  # noqa: PLC0415 - it starts what tests of pages do not need

    monkeypatch.setattr(asgi.switchboard, "bus", None)
    monkeypatch.setattr(asgi.switchboard, "links", None)
    yield asgi.application
    await asgi.switchboard.aclose()


async def knock(application: Any, path: str, door: Door, first: bytes) -> int:
    """Open a socket: LET_IN, or the code it is closed with."""
    headers = [(b"cookie", door.cookie.encode())] if door.cookie else []
    socket = WebsocketCommunicator(application, path, headers, [p.SUBPROTOCOL])
    await socket.connect(timeout=TIMEOUT_S)
    await socket.send_to(text_data=first.decode())
    while True:
        answer = await socket.receive_output(timeout=TIMEOUT_S)
        if answer["type"] == "websocket.close":
            return int(answer["code"])
        if msgspec.json.decode(answer["text"])["type"] == "hello":
            await socket.disconnect(timeout=TIMEOUT_S)
            return LET_IN


async def knock_as_google(application: Any, path: str, door: Door, setup: str) -> int:
    """As `knock`. Nobody hosts anything here: who is let in is told by a second setup, which is
    then one too many."""
    headers = [(b"cookie", door.cookie.encode())] if door.cookie else []
    socket = WebsocketCommunicator(application, f"{path}?key={door.key or ''}", headers)
    await socket.connect(timeout=TIMEOUT_S)
    for _ in range(2):
        await socket.send_to(text_data=setup)
    answer = await socket.receive_output(timeout=TIMEOUT_S)
    is_let_in = answer["reason"] == not_the_setup().reason
    return LET_IN if is_let_in else int(answer["code"])


async def test_what_sockets_answer(
    shared_cast: Cast, doors: dict[str, Door], application: Any, keyset_file: object
) -> None:
    sides = await asyncio.to_thread(furnish_both, shared_cast)
    wrong = []
    for path, openings in SOCKETS.items():
        for opening, row in openings.items():
            for visitor, door in doors.items():
                for whose in SIDES:
                    if isinstance(row, LiveApi):
                        setup = setup_message(opening, sides[whose])
                        code = await knock_as_google(application, f"/{row.path}", door, setup)
                    else:
                        first = first_message(opening, sides[whose], door.key)
                        code = await knock(application, f"/{path or 'ws/nowhere/'}", door, first)
                    expected = row.answer(visitor, whose)
                    if code != expected:
                        cell = f"{path} {opening} {whose} as {visitor}"
                        wrong.append(f"{cell}: {code}, expected {expected}")
    assert wrong == []
