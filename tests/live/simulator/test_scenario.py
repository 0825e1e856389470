from pathlib import Path

import pytest

from live.simulator.scenario import Close, Drop, Script, Step, read_script, read_script_file

TEXT = '{"steps": [{"at": "answer", "nth": 3, "after": 0.2, "do": {"what": "drop"}}]}'


def test_a_script_is_data(tmp_path: Path) -> None:
    script = Script(steps=(Step(do=Drop(), at="answer", nth=3, after=0.2),))
    assert read_script(TEXT) == script
    (tmp_path / "script.json").write_text(TEXT)
    assert read_script_file(tmp_path / "script.json") == script


def test_actions_have_defaults() -> None:
    [step] = read_script('{"steps": [{"do": {"what": "close"}}]}').steps
    assert step == Step(do=Close(code=1011, reason=""), at="ready", nth=1, after=0.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Input data was truncated"),
        ('{"steps": [{"do": {"what": "explode"}}]}', r"Invalid value 'explode'.*\$.steps\[0\].do"),
        ('{"steps": [{"do": {"what": "drop"}, "at": "dawn"}]}', r"dawn"),
        ('{"steps": [{"do": {"what": "drop"}, "nth": 0}]}', r">= 1"),
        ('{"steps": [{"do": {"what": "drop"}, "after": -1}]}', r">= 0"),
        ('{"steps": [{"do": {"what": "drop", "colour": 1}}]}', r"unknown field `colour`"),
        ('{"talk": "song"}', r"song"),
        ('{"connections": 0}', r">= 1"),
    ],
)
def test_what_is_wrong_in_a_script_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_script(text)


@pytest.mark.parametrize(
    ("script", "numbers"),
    [
        (Script(), [0, 1, 2, 3]),
        (Script(connections=1), [0]),
        (Script(skip=2), [2, 3]),
        (Script(skip=1, connections=2), [1, 2]),
    ],
)
def test_it_may_hold_for_some_connections_only(script: Script, numbers: list[int]) -> None:
    assert [number for number in range(4) if script.holds_for(number)] == numbers
