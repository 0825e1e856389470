"""Sessions by their names: what stands in the database opens nothing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.session_store import NAME_CHARS, SessionStore, name_of
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db

COOKIE = settings.SESSION_COOKIE_NAME


def signed_in() -> Client:
    client = Client()
    client.post("/login/", {"login": "member@acme.example", "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def stored_values() -> str:
    rows = [*Session.objects.values_list(), *UserSession.objects.values_list()]
    return repr(rows)


def test_no_row_holds_what_the_cookie_holds(cast: Cast) -> None:
    client = signed_in()
    secret = client.cookies[COOKIE].value
    assert is_in(client)
    assert secret not in stored_values()
    assert Session.objects.get().session_key == name_of(secret)
    assert UserSession.objects.get().session_key == name_of(secret)
    assert client.cookies[COOKIE]["httponly"]


def test_a_name_opens_no_session(cast: Cast) -> None:
    client, thief = signed_in(), Client()
    thief.cookies[COOKIE] = Session.objects.get().session_key
    assert is_in(client)
    assert not is_in(thief)


def test_signing_in_replaces_the_secret(cast: Cast) -> None:
    client = Client()
    before = client.session
    before["kept"] = 1
    before.save()
    planted = client.cookies[COOKIE].value
    client.post("/login/", {"login": "member@acme.example", "password": PASSWORD})
    assert client.cookies[COOKIE].value != planted
    assert Session.objects.get().session_key == name_of(client.cookies[COOKIE].value)


def test_a_page_that_changes_the_session_leaves_the_secret(cast: Cast) -> None:
    client = signed_in()
    secret = client.cookies[COOKIE].value
    client.post("/account/password/", {})
    stored = client.session
    stored["changed"] = 1
    stored.save()
    assert is_in(client)
    assert client.cookies[COOKIE].value == secret


def test_signing_out_takes_the_cookie_away(cast: Cast) -> None:
    client = signed_in()
    client.post("/logout/")
    assert client.cookies[COOKIE].value == ""
    assert not Session.objects.exists()


@pytest.mark.parametrize("cookie", ["", "short", "x" * 500, "nobody-has-this-session"])
def test_an_unknown_secret_is_nobody(cast: Cast, cookie: str) -> None:
    client = Client()
    client.cookies[COOKIE] = cookie
    assert client.get("/account/").status_code == 302


async def test_without_a_thread() -> None:
    store = SessionStore()
    await store.acreate()
    assert store.secret is not None
    assert store.session_key == name_of(store.secret)
    assert len(store.session_key) == NAME_CHARS
    assert await store.aexists(store.session_key)
    await store.adelete()  # asynchronous writes are committed at once


def test_old_sessions_are_kept_under_their_names(cast: Cast) -> None:
    client = signed_in()
    secret = client.cookies[COOKIE].value
    Session.objects.update(session_key=secret)
    UserSession.objects.update(session_key=secret)
    assert not is_in(client)
    client.cookies[COOKIE] = secret
    migration: Any = import_module("accounts.migrations.0080_session_names")
    migration.replace_keys(apps, None)
    assert is_in(client)
    assert secret not in stored_values()
