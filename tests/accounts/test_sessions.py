from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils.formats import date_format

from accounts.sessions import browser_name, end_sessions, note_seen
from accounts.sign_in import password_link
from accounts.signals import AccessEnded, access_ended
from tests.cast import PASSWORD, Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_cache")]
NEW_PASSWORD = "a quiet room with a view"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"


@pytest.fixture
def told(django_capture_on_commit_callbacks: Any) -> Any:
    """Run something, and return what the signal told after the commit."""

    def run(act: Any) -> list[AccessEnded]:
        heard: list[AccessEnded] = []

        def listen(ended: AccessEnded, **_: Any) -> None:
            heard.append(ended)

        access_ended.connect(listen)
        try:
            with django_capture_on_commit_callbacks(execute=True):
                act()
        finally:
            access_ended.disconnect(listen)
        return heard

    return run


def browser(email: str = "member@acme.example") -> Client:
    client = Client(headers={"User-Agent": CHROME})
    client.post("/login/", {"login": email, "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("something", "A browser"),
    ],
)
def test_a_browser_is_named_as_people_do(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


def test_ending_all_but_one(cast: Cast, told: Any) -> None:
    here, there, other = browser(), browser(), browser("owner@acme.example")
    key = here.session.session_key
    heard = told(lambda: end_sessions(cast.acme.member, but=key))
    assert heard == [AccessEnded(user_id=cast.acme.member.pk)]
    assert [is_in(client) for client in (here, there, other)] == [True, False, True]
    assert Session.objects.count() == UserSession.objects.count() == 2


def test_ending_one(cast: Cast) -> None:
    here, there = browser(), browser()
    assert end_sessions(cast.acme.member, only=there.session.session_key) == 1
    assert (is_in(here), is_in(there)) == (True, False)
    assert end_sessions(cast.acme.owner, only=here.session.session_key) == 0
    assert is_in(here)


def test_last_seen_is_noted_once_a_minute(cast: Cast, django_assert_num_queries: Any) -> None:
    here = browser()
    key = str(here.session.session_key)
    row = UserSession.objects.get()
    assert note_seen(key) is False  # the row is new
    long_ago = row.created_at - timedelta(hours=3)
    UserSession.objects.update(last_seen_at=long_ago)
    with django_assert_num_queries(0):
        assert note_seen(key) is False
    cache.clear()  # as after a minute
    with django_assert_num_queries(1):
        assert note_seen(key) is True
        assert note_seen(key) is False
    row.refresh_from_db()
    assert row.last_seen_at > long_ago
    there = browser()
    assert f"last seen {date_format(row.last_seen_at, 'j M Y, H:i')} UTC" in squeezed(
        there.get("/account/sessions/").text
    )


def test_the_page_notes_it(cast: Cast) -> None:
    here = browser()
    row = UserSession.objects.get()
    UserSession.objects.update(last_seen_at=row.created_at - timedelta(hours=3))
    cache.clear()
    here.get("/account/")
    assert UserSession.objects.get().last_seen_at >= row.created_at


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_page_signs_out_everywhere_else(cast: Cast, told: Any) -> None:
    here, there = browser(), browser()
    page = here.get("/account/sessions/")
    assert page.text.count("Chrome on Linux</strong>") == 2
    assert page.text.count("this browser") == 1
    heard = told(lambda: here.post("/account/sessions/"))
    assert heard == [AccessEnded(user_id=cast.acme.member.pk)]
    assert (is_in(here), is_in(there)) == (True, False)


def test_a_new_password_signs_out_everywhere_else(cast: Cast, told: Any) -> None:
    here, there = browser(), browser()
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    heard = told(lambda: here.post("/account/password/", fields))
    assert AccessEnded(user_id=cast.acme.member.pk) in heard
    assert (is_in(here), is_in(there)) == (True, False)
    assert UserSession.objects.get().session_key == here.session.session_key


def test_a_reset_password_signs_out_everywhere(cast: Cast) -> None:
    there = browser()
    form = Client()
    cast.acme.member.refresh_from_db()  # the link knows when its person logged in last
    address = form.get(password_link(cast.acme.member).removeprefix("http://localhost:8000"))
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert form.post(address["Location"], fields).status_code == 302
    assert not is_in(there)
    assert not UserSession.objects.exists()
