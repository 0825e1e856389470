"""Each format against its golden shape and against a reader of its own."""

import csv
import io
import json
import re
from typing import Any

import pytest

from accounts.tenancy import tenant_scope
from conversations.exports import written as module
from conversations.exports.wanted import Wanted
from conversations.models import Agent, Conversation, Event, Turn
from conversations.states import Speaker, TurnState
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import made, members, raw, text
from tests.conversations.talks import add_turn, make_agent, make_conversation

pytestmark = pytest.mark.django_db

CUE = re.compile(
    r"(?P<name>\d+\.\d+)\n"
    r"(?P<start>\d\d:\d\d:\d\d\.\d{3}) --> (?P<end>\d\d:\d\d:\d\d\.\d{3})\n"
    r"<v (?P<voice>[^<>\n]+)>(?P<text>(?:[^\n]+\n)+)"
)
IBAN = "DE89 3704 0044 0532 0130 00"


def cues(vtt: str) -> list[dict[str, str]]:
    """A reader of WebVTT: a file is its head and cues with an empty line between them."""
    head, *blocks = vtt.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    found = [CUE.fullmatch(f"{block}\n") for block in blocks]
    assert all(found), vtt
    return [cue.groupdict() for cue in found if cue]


@pytest.fixture
def talk(cast: Cast) -> Conversation:
    """With everything that may break a format, and an event."""
    agent = make_agent(cast.acme.tenant)
    person = cast.acme.member
    person.name = "Mia <b> & Berg"
    person.save()
    row = make_conversation(agent, person, ["Hi, “42”?\nTwo\n\nlines", '=SUM(A1) <v x>, "a" --> b'])
    add_turn(row, 9, "I am mia, mail me at mia@home.example", Speaker.USER)
    add_turn(row, 11, f"Your account is {IBAN}", state=TurnState.INTERRUPTED)
    add_turn(row, 13, "")
    with tenant_scope(row.tenant_id):
        Turn.objects.filter(conversation=row, first_seq=11).update(end_ms=None)
        data = {"name": "pay", "args": {"to": IBAN, "n": 2}}
        Event.objects.create(conversation=row, epoch=1, seq=12, kind="tool-call", ms=9, data=data)
    return row


def of(cast: Cast, clock: Clock, form: str, *chosen: Conversation, **how: Any) -> str:
    return text(made(cast.acme.tenant, clock, form, Wanted(tuple(c.pk for c in chosen)), **how))


def test_json_lines(cast: Cast, clock: Clock, talk: Conversation) -> None:
    head, *rest = [json.loads(line) for line in of(cast, clock, "jsonl").splitlines()]
    assert head.pop("started_at").endswith("+00:00")
    assert head.pop("ended_at").endswith("+00:00")
    assert head == {
        "type": "conversation",
        "id": str(talk.pk),
        "agent": {"id": str(talk.agent_id), "name": "Shop"},
        "user": "member@acme.example",
        "end_user": None,
        "end_user_name": None,
        "state": "ended",
        "end_reason": "user-left",
        "is_test": False,
    }
    assert [line["type"] for line in rest] == [*["turn"] * 5, "event"]
    assert rest[3] == {
        "type": "turn",
        "conversation": str(talk.pk),
        "turn": "1.11",
        "speaker": "agent",
        "state": "interrupted",
        "start_ms": 11000,
        "end_ms": None,
        "text": f"Your account is {IBAN}",
    }
    assert rest[5]["data"] == {"name": "pay", "args": {"to": IBAN, "n": 2}}


def test_csv_is_no_formula(cast: Cast, clock: Clock, talk: Conversation) -> None:
    lines = list(csv.DictReader(io.StringIO(of(cast, clock, "csv"), newline="")))
    assert tuple(lines[0]) == module.CSV_COLUMNS
    assert [line["turn"] for line in lines] == ["1.1", "1.3", "1.9", "1.11", "1.13"]
    assert lines[0]["text"] == "Hi, “42”?\nTwo\n\nlines"
    assert lines[1]["text"] == '\'=SUM(A1) <v x>, "a" --> b'
    assert lines[0]["person"] == "member@acme.example"
    assert lines[3]["end_ms"] == ""


def test_every_chosen_cell_is_text_to_a_spreadsheet(cast: Cast, clock: Clock) -> None:
    agent = make_agent(cast.acme.tenant)
    with tenant_scope(cast.acme.tenant.pk):
        Agent.objects.update(name="-1+1|cmd")
    make_conversation(agent, None, ["@SUM(1)", "\t=2", "+3"], end_user_name="=evil()")
    lines = list(csv.DictReader(io.StringIO(of(cast, clock, "csv"), newline="")))
    for line in lines:
        for cell in (line["agent"], line["person"], line["text"]):
            assert cell.startswith("'")


def test_text(cast: Cast, clock: Clock, talk: Conversation) -> None:
    began = f"{talk.started_at:%Y-%m-%d %H:%M:%S}"
    title = f"Conversation {talk.pk} with Shop"
    assert of(cast, clock, "txt") == (
        f"{title}\n{'=' * len(title)}\n{began} UTC, ended: user-left\n"
        "Person: member@acme.example\n\n"
        "[00:00:01] Mia <b> & Berg: Hi, “42”?\nTwo\n\nlines\n"
        '[00:00:03] Shop: =SUM(A1) <v x>, "a" --> b\n'
        "[00:00:09] Mia <b> & Berg: I am mia, mail me at mia@home.example\n"
        f"[00:00:11] Shop (interrupted): Your account is {IBAN}\n"
        "[00:00:13] Shop: \n\n\n"
    )


def test_web_vtt_of_one(cast: Cast, clock: Clock, talk: Conversation) -> None:
    found = cues(of(cast, clock, "webvtt", talk))
    assert found[0] == {
        "name": "1.1",
        "start": "00:00:01.000",
        "end": "00:00:01.800",
        "voice": "Mia &lt;b&gt; &amp; Berg",
        "text": "Hi, “42”?\nTwo\nlines\n",
    }
    assert found[1]["text"] == '=SUM(A1) &lt;v x&gt;, "a" --&gt; b\n'
    assert found[3]["end"] == "00:00:12.000"
    assert [cue["name"] for cue in found] == ["1.1", "1.3", "1.9", "1.11"]


def test_web_vtt_of_many(
    cast: Cast, clock: Clock, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = make_conversation(Agent(pk=talk.agent_id, tenant_id=talk.tenant_id), None, [])
    other = make_conversation(
        Agent(pk=talk.agent_id, tenant_id=talk.tenant_id), None, ["One", "Two", "Three"]
    )
    files = members(raw(made(cast.acme.tenant, clock, "webvtt")))
    assert set(files) == {f"{talk.pk}.vtt", f"{other.pk}.vtt"}, f"{quiet.pk} has no words"
    assert [cue["text"] for cue in cues(files[f"{other.pk}.vtt"].decode())] == [
        *("One\n", "Two\n", "Three\n")
    ]
    monkeypatch.setattr(module, "MOST_HELD_BYTES", 80)
    files = members(raw(made(cast.acme.tenant, clock, "webvtt")))
    of_it = {name: len(cues(data.decode())) for name, data in files.items()}
    assert of_it[f"{other.pk}.vtt"] == 2
    assert of_it[f"{other.pk}-from-1.5.vtt"] == 1


@pytest.mark.parametrize("form", ["jsonl", "csv", "txt", "webvtt"])
def test_redacted(cast: Cast, clock: Clock, talk: Conversation, form: str) -> None:
    told = of(cast, clock, form, talk, is_redacted=True)
    for trace in ("Mia", "mia", "Berg", "member@", "home.example", IBAN):
        assert trace not in told
    for left in ("[name]", "[e-mail]", "[iban]"):
        assert left in told
    assert "lines" in told


def test_half_a_character_does_not_stop_it(cast: Cast, clock: Clock) -> None:
    assert module.as_bytes("a\ud83d") == b"a?"


def test_audio_has_no_written_form() -> None:
    with pytest.raises(ValueError, match="no written form"):
        module.form_of("audio", is_redacted=False, is_one=True)
