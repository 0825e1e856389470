import re

import pytest

from live.simulator.calls import MAX_CLOSED, MAX_OPEN, Call, Calls, new_call_id
from live.simulator.closes import Refusal


def call(call_id: str, *, blocking: bool = False, name: str = "f") -> Call:
    return Call(call_id, name, {}, blocking)


def test_an_id_that_was_never_given_out_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        Calls().answered("call_1", more=False)
    assert (caught.value.code, caught.value.reason) == (1008, "Requested entity was not found.")


def test_the_second_answer_to_a_call_counts_for_nothing() -> None:
    calls = Calls()
    calls.add([call("1")])
    assert calls.answered("1", more=False) == call("1")
    assert calls.answered("1", more=False) is None


def test_only_a_non_blocking_call_goes_on() -> None:
    calls = Calls()
    calls.add([call("1"), call("2", blocking=True)])
    assert calls.answered("1", more=True) == call("1")
    assert calls.answered("1", more=False) == call("1")
    assert calls.answered("2", more=True) == call("2", blocking=True)
    assert calls.answered("2", more=False) is None


def test_only_blocking_calls_block_and_are_cancelled() -> None:
    calls = Calls()
    calls.add([call("1"), call("2", blocking=True)])
    before = calls.blocked
    assert calls.cancel_blocking() == ["2"]
    assert (before, calls.blocked) == (True, False)
    assert calls.answered("2", more=False) is None
    assert calls.answered("1", more=False) is not None


def test_a_call_by_its_name() -> None:
    calls = Calls()
    calls.add([call("1", name="a"), call("2", name="b"), call("3", name="b")])
    assert calls.id_of("b") == "2"
    assert calls.id_of("c") == ""


def test_both_kinds_are_bounded() -> None:
    calls = Calls()
    calls.add(call(str(number)) for number in range(MAX_OPEN + MAX_CLOSED + 1))
    with pytest.raises(Refusal):
        calls.answered("0", more=False)
    assert calls.answered("1", more=False) is None
    assert calls.answered(str(MAX_OPEN + MAX_CLOSED), more=False) is not None


@pytest.mark.parametrize(
    ("short", "blocking", "vertex", "shape"),
    [
        (True, False, False, r"call_\d{7}"),
        (True, True, False, r"fc_\d{19}"),
        (False, True, False, r"function-call-\d{1,20}"),
        (True, False, True, r"[0-9a-f-]{36}"),
    ],
)
def test_ids_have_the_shapes_that_were_seen(
    short: bool, blocking: bool, vertex: bool, shape: str
) -> None:
    first, second = (new_call_id(short=short, blocking=blocking, vertex=vertex) for _ in "12")
    assert re.fullmatch(shape, first)
    assert first != second


def test_what_is_pending() -> None:
    calls = Calls()
    found = [calls.pending]
    calls.add([call("a")])
    found.append(calls.pending)
    assert not calls.blocked
    assert calls.answered("a", more=False)
    assert [*found, calls.pending] == [False, True, False]
