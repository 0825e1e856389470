"""Marked secrets and marked words go through everything that runs, and come out nowhere.

One scenario over real servers (web, worker, Celery, the simulator, PostgreSQL, Redis), all logging
at DEBUG; then many looks: each answer to each role, each process's output, everything that was
sent to Redis (cache, channel layer, broker), exports, and every column of the database.
"""

import asyncio
import base64
import io
import json
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
import requests
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, connections
from django.test import Client as DjangoClient
from django.utils import timezone
from kombu import Connection
from pytest_django.fixtures import Settings

from accounts import invitations
from accounts.api_keys import create_api_key
from accounts.audit.export import Format, Period, export
from accounts.callers import Caller
from accounts.credentials import set_secret
from accounts.database import close_database_threads
from accounts.keyset import create_keyset
from accounts.models import Credential, Tenant, User
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope
from conversations import protocol as p
from conversations.access_tokens import Wanted, mint
from conversations.models import Conversation, Lease
from conversations.states import ConversationState
from live.simulator import Pace, Simulator
from live.simulator.speech import speak
from tests.cast import Cast
from tests.children import Child, Children, child_environment
from tests.conversations.client import dial
from tests.conversations.conftest import Stage, set_up
from tests.conversations.page import Page
from tests.permissions.admin import ADMIN
from tests.permissions.furniture import Furniture, furnish
from tests.permissions.routes import address_of
from tests.permissions.site import SITE, TENANT
from tests.services import ROOT

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("shared_database")]

TYPED, SPOKEN = "quokka marmalade", "purple submarine"
# Words are the tenant's: of its people these may read them, and programs with a key for it.
HEARERS = frozenset({"owner", "reviewer", "member"})
WORD_COLUMNS = frozenset(
    {
        *("conversations_turn.text", "conversations_conversation.first_words"),
        "conversations_words.words",
    }
)
BROKER_DATABASE = 7
CODES = "/account/second-factor/codes/"
# What `gcloud` keeps for a person; it is pasted where a key file is asked for.
OWN_ACCOUNT = {
    "type": "authorized_user",
    "client_id": "1-a.apps.googleusercontent.com",
    "client_secret": "canary-client-secret-4711",
    "refresh_token": "canary-refresh-token-4711",
}


@dataclass
class Canaries:
    """What was planted, by name; and marked words, which some may read."""

    secrets: dict[str, str] = field(default_factory=dict)

    def __setitem__(self, name: str, text: str) -> None:
        assert len(text) >= 8
        self.secrets[name] = text

    @cached_property
    def _sign(self) -> re.Pattern[str]:
        """One look for all. What is planted later than the first look is not seen."""
        signs = {each for secret in self.secrets.values() for each in spellings(secret)}
        words = (f"(?i:{each})" for each in (TYPED, SPOKEN))
        return re.compile("|".join([*map(re.escape, signs), *words]))

    def in_text(self, text: str, *, words: bool = True) -> list[str]:
        """The names of what is there, in clear or as base64, a URL or hex would have it."""
        found = set(self._sign.findall(text))
        named = [name for name, each in self.secrets.items() if found & spellings(each)]
        return named + sorted({each.lower() for each in found} & {TYPED, SPOKEN} if words else ())


def spellings(secret: str) -> set[str]:
    raw = secret.encode()
    return {secret, quote(secret), base64.b64encode(raw).decode().rstrip("="), raw.hex()}


# --- planting ----------------------------------------------------------------------------


def in_thread(work: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        try:
            return work(*args)
        finally:
            connections.close_all()

    return run


def give_password(user: User, text: str) -> None:
    # As the servers hash it: the suite's own hasher is not theirs.
    user.password = PBKDF2PasswordHasher().encode(text, "saltsaltsalt", 1000)
    user.save(update_fields=["password"])


@in_thread
def plant(stage: Stage, canaries: Canaries) -> Furniture:
    company = stage.cast.acme
    furniture = furnish(company)
    key_file = stage.simulator.service_account_info()
    canaries["private key"] = key_file["private_key"].splitlines()[3]
    canaries["client secret"] = OWN_ACCOUNT["client_secret"]
    canaries["refresh token"] = OWN_ACCOUNT["refresh_token"]
    canaries["Gemini key"] = stage.simulator.api_key
    canaries["Parley key"] = stage.key.rsplit("_", 1)[1]
    store(company.tenant, "key file", "service_account", json.dumps(key_file))
    for name in ("owner", "admin"):
        canaries[f"password of {name}"] = f"canary-password-of-{name}"
        give_password(getattr(company, name), f"canary-password-of-{name}")
    canaries["app secret"] = generate_totp_secret()
    TOTP.activate(company.admin, canaries.secrets["app secret"])
    codes = RecoveryCodes.activate(company.admin).get_unused_codes()
    canaries["recovery code"], canaries["other recovery code"] = codes[:2]
    with tenant_scope(company.tenant.pk):
        _, token = mint(Caller(company.tenant.pk), Wanted(agent=stage.agent), timezone.now())
        canaries["client token"], canaries["its secret"] = token, token.rpartition("_")[2]
        _, link = invitations.invite(
            company.tenant, "canary@new.example", Role.MEMBER, actor="system"
        )
    canaries["invitation"] = link.partition("key=")[2]
    return furniture


def store(tenant: Tenant, name: str, kind: str, secret: str) -> None:
    credential = Credential(tenant=tenant, name=name, kind=kind, endpoint="developer")
    set_secret(credential, secret)
    with tenant_scope(tenant.pk):
        credential.save()


@in_thread
def session_of(user: User) -> str:
    browser = DjangoClient()
    browser.force_login(user)
    return str(browser.cookies[settings.SESSION_COOKIE_NAME].value)


# --- traffic -----------------------------------------------------------------------------


class Browser:
    """A person at the real server, who keeps every answer."""

    def __init__(self, url: str, session: str = "") -> None:
        self.url = url
        self.answers: list[tuple[str, str]] = []
        self._http = requests.Session()
        self._http.trust_env = False
        if session:
            self._http.cookies.set(settings.SESSION_COOKIE_NAME, session, domain="127.0.0.1")

    def ask(self, address: str, fields: Any = None, **headers: str) -> requests.Response:
        method = "GET" if fields is None else "POST"
        token = self._http.cookies.get(settings.CSRF_COOKIE_NAME, "")
        answer = self._http.request(
            method,
            f"{self.url}{address}",
            data=fields,
            headers={"X-CSRFToken": token, **headers},
            allow_redirects=False,
            timeout=30,
        )
        # One's own session is handed over in one's own cookie, and nowhere else.
        shown = {name: text for name, text in answer.headers.items() if name != "Set-Cookie"}
        self.answers.append((f"{method} {address}", f"{shown} {answer.text}"))
        return answer


def sign_in_and_fail(url: str, canaries: Canaries, company: Any) -> Browser:
    """The secrets that people type, typed well and wrongly."""
    browser, secrets = Browser(url), canaries.secrets
    browser.ask("/login/")
    wrong = {"login": company.owner.email, "password": secrets["password of owner"] + "!"}
    assert browser.ask("/login/", wrong).status_code == 200
    fields = {"login": company.admin.email, "password": secrets["password of admin"]}
    assert browser.ask("/login/", fields).headers["Location"] == "/login/second-factor/"
    answer = browser.ask("/login/second-factor/", {"code": secrets["recovery code"]})
    assert answer.status_code == 302
    # Where a person's codes are handed to her, and nowhere else.
    assert secrets["other recovery code"] in browser.ask(CODES).text
    browser.answers.pop()
    assert browser.ask("/members/").status_code == 200
    guest = Browser(url)
    assert guest.ask(f"/invitation/?key={secrets['invitation']}").status_code == 302
    assert "canary@new.example" in guest.ask("/invitation/").text
    for address in (f"/c/nothing/?key={secrets['Gemini key']}", "/review/?access_token=x"):
        guest.ask(address)
    guest.ask("/api/v1/conversations/", Authorization=f"Bearer prl_0_{secrets['Parley key']}")
    browser.answers += guest.answers
    return browser


def break_the_credential_form(browser: Browser, key_file: str, keyset: Path) -> None:
    """A key file that is cut off, and one that cannot be sealed: errors with it in their hands."""
    add = "/admin/accounts/credential/add/"
    fields = {"name": "new", "endpoint": "developer", "store_anyway": "on"}
    browser.ask(add)
    wrong = (key_file[:900], key_file.replace("token_uri", "token_url"), json.dumps(OWN_ACCOUNT))
    for secret in wrong:
        # Told what is wrong with it, or stored, sealed.
        assert browser.ask(add, {**fields, "secret": secret}).status_code in {200, 302}
        browser.ask("/admin/accounts/credential/explain/", {"secret": secret})
    hidden = keyset.with_suffix(".away")
    keyset.rename(hidden)
    try:
        assert browser.ask(add, {**fields, "secret": key_file}).status_code >= 200
    finally:
        hidden.rename(keyset)


def crawl(url: str, session: str, role: str, furniture: Furniture) -> Browser:
    """Every page that answers the role with 200; how one signs in is the same for all."""
    browser = Browser(url, session)
    table = SITE | ADMIN if role == "owner" else TENANT | ADMIN
    for name, row in table.items():
        if row.status(role, "get", "own") == 200 and not name.startswith("api-"):
            browser.ask(address_of(name, row, furniture))
    return browser


async def talk(url: str, stage: Stage, session: str, canaries: Canaries) -> str:
    """The member types and speaks; and somebody says a key where it is none."""
    page = Page()
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"}
    async with dial(url, page=page, headers=cookie) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=None))
        await page.until(lambda: page.picture.state == ConversationState.LIVE)
        await client.say(p.SendText(id="1", text=f"Say {TYPED}"))
        await page.until(page.answered)
        await client.speak(speak(f"Say {SPOKEN}", 16_000), faster=3.0)
        await client.speak(bytes(32_000), faster=3.0)
        await page.until(lambda: page.answered(2))
        await page.until(page.all_saved)
        canaries["resumption handle"] = await asyncio.to_thread(handle_of, stage.cast)
    token = canaries.secrets["client token"]
    async with dial(url) as client:
        await client.socket.send('{"type":"start","key":"' + token + '"')
        assert await client.errors() == ["bad-json"]
        await client.say(p.Start(agent=str(stage.agent.id), key=token))
        await client.page.until(lambda: client.page.picture.state == ConversationState.LIVE)
        await client.say(p.End())
        assert await client.closed() == (1000, "ended")
    async with dial(url) as client:
        await client.socket.send('{"type":"start","key":"' + stage.key + '"')
        await client.socket.send('{"type":"start","agent":7,"key":"' + stage.key + '"}')
        assert len(await client.errors(2)) == 2
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(lambda: client.page.picture.state == ConversationState.LIVE)
        await client.say(p.End())
        assert await client.closed() == (1000, "ended")
    return next(m.conversation for m in page.messages if isinstance(m, p.Hello))


@in_thread
def handle_of(cast: Cast) -> str:
    with tenant_scope(cast.acme.tenant.pk):
        handles = [lease.open_handle() for lease in Lease.objects.exclude(sealed_handle=None)]
    [handle] = [each for each in handles if each]
    return handle


def run_tasks(spawn: Children, loud: dict[str, str]) -> Child:
    """Celery, for real: what is scheduled, once."""
    from config.celery import app  # noqa: PLC0415 - it reads the settings

    paths = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "platform")))}
    environment = child_environment(paths | loud)
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "solo"]
    worker = spawn.adopt(Child([*command, "--loglevel", "DEBUG"], environment))
    worker.wait_for(r" ready\.")
    tasks = sorted({each["task"] for each in app.conf.beat_schedule.values()})
    with Connection(loud["CELERY_BROKER_URL"]) as there:
        for task in tasks:
            app.send_task(task, connection=there)
    for task in tasks:
        worker.wait_for(rf"Task {re.escape(task)}\[\S+\] (succeeded|raised|retry)")
    return worker


@contextmanager
def redis_overheard() -> Iterator[list[str]]:
    """Every command that anybody gives to Redis meanwhile, with all keys and values."""
    heard: list[str] = []
    over = threading.Event()
    client = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None)

    def listen() -> None:
        with client.monitor() as monitor:  # type: ignore[no-untyped-call]
            ready.set()
            while not over.is_set():
                heard.append(repr(monitor.next_command()))

    ready = threading.Event()
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield heard
    finally:
        over.set()
        client.ping()  # the last thing that is heard
        thread.join(10)
        client.close()


# --- looks -------------------------------------------------------------------------------


@in_thread
def exported(tenants: list[Tenant]) -> str:
    out = io.StringIO()
    for tenant in tenants:
        for form in Format:
            export(tenant.pk, Period(), form, out)
    return out.getvalue()


@in_thread
def columns_with(canaries: Canaries) -> dict[str, set[str]]:
    """Each column of the database that holds a canary in clear, and which."""
    found: dict[str, set[str]] = {}
    with platform_scope("test"), connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [table])
            if cursor.fetchone() == (False,):
                continue  # the application could not read it either
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')  # noqa: S608
            for (text,) in cursor.fetchall():
                if canaries.in_text(text):
                    for column, value in json.loads(text).items():
                        names = canaries.in_text(json.dumps(value, ensure_ascii=False))
                        if names:
                            found.setdefault(f"{table}.{column}", set()).update(names)
    return found


@pytest.fixture
def keyset(tmp_path: Path, settings: Settings) -> Path:
    """A keyset of the test's own: it is taken away for a moment."""
    path = tmp_path / "keyset.json"
    create_keyset(path)
    settings.KEYSET_FILE = str(path)
    return path


@pytest.fixture
async def stage(shared_cast: Cast, simulator: Simulator, keyset: Path) -> AsyncIterator[Stage]:
    simulator.pace = Pace(playback=0.2)
    tenant = shared_cast.acme.tenant
    agent, key = await asyncio.to_thread(set_up, tenant, simulator.url, simulator.api_key)
    yield Stage(shared_cast, simulator, agent, key)
    await asyncio.to_thread(close_database_threads)


async def test_no_canary_gets_out(stage: Stage, spawn: Children, keyset: Path) -> None:
    cast, canaries = stage.cast, Canaries()
    broker = os.environ["REDIS_URL"].rpartition("/")[0] + f"/{BROKER_DATABASE}"
    loud = {"LOG_LEVEL": "DEBUG", "KEYSET_FILE": str(keyset), "CELERY_BROKER_URL": broker}
    with redis_overheard() as heard:
        furniture = await asyncio.to_thread(plant, stage, canaries)
        sessions = {
            role: await asyncio.to_thread(session_of, getattr(cast.acme, role))
            for role in ("owner", "admin", "developer", "reviewer", "member")
        }
        sessions["operator"] = await asyncio.to_thread(session_of, cast.operator)
        for role, session in sessions.items():
            canaries[f"session of {role}"] = session
        worker, web = await asyncio.gather(
            asyncio.to_thread(lambda: spawn("worker", ready="serves at", env=loud)),
            asyncio.to_thread(lambda: spawn("web", "--port", "0", ready="Serving on", env=loud)),
        )
        url = web.wait_for(r"Serving on (http://\S+)").group(1)
        conversation = await talk(url, stage, sessions["member"], canaries)
        typed = await asyncio.to_thread(sign_in_and_fail, url, canaries, cast.acme)
        furniture.rows[Conversation] = Conversation(pk=conversation)
        browsers = {
            role: await asyncio.to_thread(crawl, url, session, role, furniture)
            for role, session in sessions.items()
        }
        others = await asyncio.to_thread(furnish_other, cast)
        foreign = await asyncio.to_thread(session_of, cast.globex.owner)
        browsers["globex"] = await asyncio.to_thread(crawl, url, foreign, "owner", others)
        program = await asyncio.to_thread(ask_api, url, cast, conversation)
        key_file = json.dumps(stage.simulator.service_account_info())
        await asyncio.to_thread(break_the_credential_form, browsers["owner"], key_file, keyset)
        canaries["second private key"] = json.loads(key_file)["private_key"].splitlines()[4]
        celery = await asyncio.to_thread(run_tasks, spawn, loud)
    leaks = [
        *looked_at({"typed": typed, **browsers}, canaries),
        *[f"an answer of the API to globex: {name}" for name in canaries.in_text(program)],
        *[
            f"the output of {name}: {found}"
            for name, child in (("web", web), ("worker", worker), ("celery", celery))
            for found in canaries.in_text(child.output)
        ],
        *[f"Redis: {name} in {line[:200]}" for line in heard for name in canaries.in_text(line)],
    ]
    told = await asyncio.to_thread(exported, [cast.acme.tenant, cast.globex.tenant])
    leaks += [f"the audit's export: {name}" for name in canaries.in_text(told)]
    stored = await asyncio.to_thread(columns_with, canaries)
    for column, names in stored.items():
        allowed = column in WORD_COLUMNS and not names & canaries.secrets.keys()
        if not allowed:
            leaks.append(f"the database: {sorted(names)} in {column}")
    assert leaks == []
    # The looks would have seen it: what is allowed was found where it is.
    assert stored.keys() >= {"conversations_turn.text"}
    assert any(TYPED in text for _, text in browsers["reviewer"].answers)
    assert "DEBUG" in web.output + worker.output + celery.output
    assert len(heard) > 100


def looked_at(browsers: dict[str, Browser], canaries: Canaries) -> list[str]:
    return [
        f"{address} as {role}: {name}"
        for role, browser in browsers.items()
        for address, text in browser.answers
        for name in canaries.in_text(text, words=role not in HEARERS)
    ]


@in_thread
def furnish_other(cast: Cast) -> Furniture:
    return furnish(cast.globex)


@in_thread
def ask_api(url: str, cast: Cast, conversation: str) -> str:
    """What the other tenant's program is told, of its own and of this conversation."""
    _, key = create_api_key(cast.globex.tenant, "crawler", ["read"])
    browser = Browser(url)
    for address in ("", f"{conversation}/", f"{conversation}/turns/"):
        browser.ask(f"/api/v1/conversations/{address}", Authorization=f"Bearer {key}")
    assert "404" in browser.answers[1][1]
    return "".join(text for _, text in browser.answers)
