import pytest

from live.simulator.skills.results import MAX_CHARS, told_result


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({"output": "18 C, cloudy"}, "f says: 18 C, cloudy."),
        ({"result": "Done!"}, "f says: Done!"),
        ({"status": "booked", "ids": [1, 2]}, "f says: status booked, ids 1, 2."),
        (
            {"output": {"ok": True, "left": None, "sold": False}},
            "f says: ok yes, left nothing, sold no.",
        ),
        ({"error": "no such slot"}, "f failed: no such slot."),
        ({}, "f is done."),
    ],
)
def test_a_response_as_a_sentence(response: dict[str, object], told: str) -> None:
    assert told_result("f", response) == told


def test_long_and_deep_responses_are_cut() -> None:
    assert len(told_result("f", {"output": "x" * 9999})) <= MAX_CHARS + 20
    deep: dict[str, object] = {}
    deep["a"] = deep
    assert told_result("f", {"output": deep}) == "f says: a a a a a more."
