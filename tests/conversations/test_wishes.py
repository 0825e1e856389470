"""Wishes: what of them is allowed, kept, and becomes of a session."""

import json

import msgspec
import pytest

import live
from conversations.wishes import LABELS, PARTS, Wishes, allowed, from_stored, stored, with_wishes

ALL = Wishes(
    instruction="Rhyme.",
    voice="Puck",
    language="de-DE",
    temperature=0.0,
    thinking={"thinkingBudget": 5},
    hearing={"automaticActivityDetection": {"silenceDurationMs": 100}},
    functions=({"name": "f"},),
)
SESSION = live.SessionConfig(model="m", system_instruction="Be brief.", voice="Kore")


def test_every_wish_belongs_to_one_part() -> None:
    names = [name for part in PARTS.values() for name in part]
    assert sorted(names) == sorted(Wishes.__struct_fields__)
    assert LABELS.keys() == PARTS.keys()


def test_what_is_not_open_is_left_out() -> None:
    assert allowed(ALL, []) == Wishes()
    assert allowed(ALL, PARTS) == ALL
    assert allowed(ALL, ["voice", "no-such-part"]) == Wishes(voice="Puck", language="de-DE")


def test_they_are_kept_as_json() -> None:
    assert from_stored(json.loads(json.dumps(stored(ALL)))) == ALL
    assert stored(Wishes()) == {}
    assert from_stored({}) == Wishes()


def test_a_session_with_them() -> None:
    config = with_wishes(SESSION, ALL)
    assert config.system_instruction == "Be brief.\n\nRhyme."
    assert (config.voice, config.language_code, config.temperature) == ("Puck", "de-DE", 0.0)
    assert config.thinking is not None
    assert config.thinking.thinking_budget == 5
    assert not config.manual_activity
    assert with_wishes(SESSION, Wishes()) == SESSION


def test_a_part_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        with_wishes(SESSION, Wishes(hearing={"automaticActivityDetection": 3}))
