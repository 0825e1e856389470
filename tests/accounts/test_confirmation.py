from typing import Any

import pytest
from django.test import RequestFactory

from accounts import confirmation
from accounts.confirmation import (
    ask,
    counted,
    effects_on,
    name_of,
    tell_of,
    word_for,
)
from accounts.models import Membership, Tenant, User


def posted(**fields: str) -> Any:
    return RequestFactory().post("/", fields)


def test_it_is_asked_before_it_is_done() -> None:
    asked = ask(posted(), "Suspend?", ["Ends 2 live conversations."])
    assert asked is not None
    assert (asked.title, asked.effects, asked.word, asked.refusal) == (
        "Suspend?",
        ["Ends 2 live conversations."],
        "",
        "",
    )
    assert ask(posted(confirmed="yes"), "Suspend?", []) is None
    assert ask(RequestFactory().get("/", {"confirmed": "yes"}), "Suspend?", []) is not None


@pytest.mark.parametrize("typed", ["Acme Shoes", " acme  shoes "])
def test_the_name_is_typed(typed: str) -> None:
    assert ask(posted(confirmed="yes", typed=typed), "Suspend?", [], word="Acme Shoes") is None


@pytest.mark.parametrize("typed", ["", "yes", "Acme"])
def test_another_word_does_nothing(typed: str) -> None:
    asked = ask(posted(confirmed="yes", typed=typed), "Suspend?", [], word="Acme Shoes")
    assert asked is not None
    assert "Acme Shoes" in asked.refusal


def test_what_rows_are_called() -> None:
    acme, globex = Tenant(name="Acme", slug="acme"), Tenant(name="Globex", slug="globex")
    assert word_for([acme]) == "Acme"
    assert word_for([acme, globex]) == "2 tenants"
    assert word_for([]) == ""
    person = User(email="ann@acme.example")
    assert name_of(person) == "ann@acme.example"
    assert name_of(Membership(user=person, tenant=acme)) == "ann@acme.example"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 calls"), (1, "1 call"), (14, "14 calls"), (1200, "1,200 calls")]
)
def test_numbers_with_their_noun(count: int, said: str) -> None:
    assert counted(count, "call") == said


def test_effects_come_from_who_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "_effects", {})
    tell_of(Tenant)(lambda tenant: f"{tenant.name}: one more.")
    told = effects_on([Tenant(name="Acme"), Tenant(name="B"), User(email="c@acme.example")])
    assert told == ["Acme: one more.", "B: one more."]
