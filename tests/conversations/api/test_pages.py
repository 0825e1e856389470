"""The pages for people who write programs: for everybody, from our own files alone."""

from django.test import Client

from accounts.api.problems import ERRORS
from conversations.api.codes import CODES
from conversations.api.pages import with_code


def test_each_problem_leads_to_its_place_on_the_page(client: Client, db: None) -> None:
    answer = client.get(ERRORS)
    assert answer.status_code == 200
    for code, row in CODES.items():
        assert f'id="{code}"' in answer.text
        assert row.title in answer.text.replace("&#x27;", "'")
    assert client.post(ERRORS).status_code == 405
    assert "`" not in answer.text


def test_what_is_code_is_shown_as_code_and_nothing_else_is_markup() -> None:
    assert with_code("Send `<key>` & wait") == "Send <code>&lt;key&gt;</code> &amp; wait"


def test_redoc_alone_may_write_its_styles(client: Client, db: None) -> None:
    page = client.get("/api/v1/redoc/")
    assert 'spec-url="/api/v1/schema/"' in page.text
    assert "style-src 'self' 'unsafe-inline'" in page["Content-Security-Policy"]
    assert "unsafe" not in page["Content-Security-Policy"].replace("style-src 'self' 'unsafe", "")
    for address in ("/api/v1/docs/", ERRORS):
        assert "unsafe" not in client.get(address)["Content-Security-Policy"]
