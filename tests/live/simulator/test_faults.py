from pathlib import Path

import msgspec
import pytest

from live.simulator.closes import MAX_REASON_BYTES
from live.simulator.faults import FAULTS, SCENARIOS, find_script, find_script_or_file
from live.simulator.scenario import Close, Script, read_script


def test_every_named_scenario_is_the_same_from_a_file(tmp_path: Path) -> None:
    for name, script in SCENARIOS.items():
        text = msgspec.json.encode(script)
        assert read_script(text) == script
        (tmp_path / name).write_bytes(text)
        assert find_script_or_file(str(tmp_path / name)) == find_script(name) == script


def test_the_wanted_faults_have_names() -> None:
    wanted = "go-away-now drop close-1011 close-1008 silence slow-pong refuse-handle stall garbage"
    assert set(wanted.split()) | {"unknown-fields", "duplicates", "no-ops", "joined"} <= set(FAULTS)
    assert list(SCENARIOS)[:2] == ["conversation", "echo"]
    assert SCENARIOS["conversation"] == Script(talk="conversation")


def test_reasons_fit_a_close_frame() -> None:
    closes = [step.do for script in FAULTS.values() for step in script.steps]
    reasons = [do.reason for do in closes if isinstance(do, Close)]
    assert len(reasons) >= 10
    assert all(len(reason.encode()) <= MAX_REASON_BYTES for reason in reasons)


def test_what_is_neither_a_name_nor_a_script(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scenario is one of conversation, echo, "):
        find_script("nonsense")
    with pytest.raises(ValueError, match="scenario is a JSON file, or one of conversation"):
        find_script_or_file(str(tmp_path / "missing.json"))
    (tmp_path / "bad.json").write_text('{"steps": 5}')
    with pytest.raises(ValueError, match="Expected `array`"):
        find_script_or_file(str(tmp_path / "bad.json"))
