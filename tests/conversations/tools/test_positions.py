import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.tools.positions import Path, lines_of

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def paths_in(value: Any, path: Path = ()) -> set[Path]:
    if not isinstance(value, dict | list):
        return {path}
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return {path}.union(*(paths_in(each, (*path, key)) for key, each in inner))


@settings(max_examples=40)
@given(JSON, st.sampled_from([None, 0, 2]))
def test_every_value_has_a_line(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    found = lines_of(text)
    assert found.keys() == paths_in(value)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


def test_lines_are_those_of_the_text() -> None:
    text = '\n{ "a" :\n [1,\n  {"b": "x{,\\n"}],\n"c": []}\n'
    assert lines_of(text.strip("\n")) == {
        (): 1,
        ("a",): 1,
        ("a", 0): 2,
        ("a", 1): 3,
        ("a", 1, "b"): 3,
        ("c",): 4,
    }
