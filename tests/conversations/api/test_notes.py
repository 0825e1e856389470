"""Notes on conversations and turns: written, changed, deleted; nothing of another tenant's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation, with_key


@pytest.fixture
def acme(cast: Cast) -> Client:
    return with_key(cast.acme.api_key)


def notes_of(row: Conversation) -> str:
    return f"/api/v1/conversations/{row.pk}/notes/"


def send(client: Client, method: str, address: str, body: Any = None, **headers: str) -> Any:
    ask = getattr(client, method)
    return ask(address, body or {}, content_type="application/json", headers=headers)


def test_a_note_from_its_beginning_to_its_end(agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, None)
    made = send(acme, "post", notes_of(row), {"text": "Call back.", "turn": "1.1"})
    assert made.status_code == 201, made.content
    note, here = made.json(), made["Location"]
    assert (note["turn"], note["text"], note["conversation"]) == ("1.1", "Call back.", str(row.pk))
    assert note["written_by"].startswith("key:")
    send(acme, "post", notes_of(row), {"text": "Whole."})
    assert [each["turn"] for each in acme.get(notes_of(row)).json()["results"]] == ["1.1", None]
    etag = acme.get(here)["ETag"]
    changed = send(acme, "patch", here, {"text": "Called."}, **{"If-Match": etag}).json()
    assert (changed["text"], changed["changed_by"]) == ("Called.", note["written_by"])
    assert send(acme, "patch", here, {"text": "x"}, **{"If-Match": etag}).status_code == 412
    assert send(acme, "patch", here, {"turn": "1.3"}).json()["turn"] == "1.3"
    assert acme.delete(here).status_code == 204
    assert acme.get(here).status_code == 404
    with platform_scope("test"):
        entries = list(AuditEntry.objects.filter(object_id=note["id"]).order_by("id"))
    assert [entry.action for entry in entries] == [
        *("note.written", "note.changed", "note.changed", "note.deleted")
    ]
    assert "Call" not in "".join(f"{entry.before}{entry.after}" for entry in entries)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": "x" * 4001},
        {"text": "x", "turn": "1.99"},
        {"text": "x", "turn": "9" * 30 + ".1"},
        {"text": "x", "turn": 1.1},
    ],
)
def test_what_is_no_note(agent: Agent, acme: Client, body: Any) -> None:
    row = make_conversation(agent, None)
    assert send(acme, "post", notes_of(row), body).status_code == 400


def test_the_other_tenant_reaches_none_of_it(cast: Cast, agent: Agent, acme: Client) -> None:
    row = make_conversation(agent, None)
    here = send(acme, "post", notes_of(row), {"text": "Ours."})["Location"]
    globex = with_key(cast.globex.api_key)
    for method in ("get", "patch", "delete"):
        assert send(globex, method, here).status_code == 404
    assert send(globex, "post", notes_of(row), {"text": "Theirs."}).status_code == 404
    # Nor does a turn of another conversation count.
    other = make_conversation(make_agent(cast.acme.tenant, "other"), None, [])
    assert send(acme, "post", notes_of(other), {"text": "x", "turn": "1.1"}).status_code == 400
    assert acme.get(here).json()["text"] == "Ours."
