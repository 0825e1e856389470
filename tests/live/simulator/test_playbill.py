import pytest

from live.simulator.closes import Refusal
from live.simulator.faults import SCENARIOS
from live.simulator.playbill import HEADER, Playbill
from live.simulator.scenario import Drop, Script, Step

DROP = SCENARIOS["drop"]


def test_a_server_without_faults() -> None:
    bill = Playbill(SCENARIOS["echo"])
    assert bill.script_for("/ws", {}).steps == ()
    assert bill.talk_of(Script()) == "echo"
    assert bill.talk_of(SCENARIOS["conversation"]) == "conversation"
    assert Playbill(DROP).talk_of(DROP) == "conversation"


def test_the_servers_own_script_holds_for_the_connections_it_says() -> None:
    script = Script(steps=(Step(do=Drop()),), skip=1, connections=1)
    bill = Playbill(script)
    assert [bill.script_for("/ws", {}) == script for _ in range(3)] == [False, True, False]


def test_an_order_is_for_the_next_connections() -> None:
    bill = Playbill(SCENARIOS["conversation"])
    bill.order(DROP, 2)
    assert [bill.script_for("/ws", {}) is DROP for _ in range(3)] == [True, True, False]
    bill.order(DROP, 1)
    bill.clear()
    assert bill.script_for("/ws", {}) is not DROP


def test_a_wish_comes_with_the_handshake_and_leaves_orders_alone() -> None:
    bill = Playbill(SCENARIOS["conversation"])
    bill.order(SCENARIOS["stall"], 1)
    assert bill.script_for("/ws?key=k&scenario=drop", {}) is DROP
    assert bill.script_for("/ws", {HEADER: "drop"}) is DROP
    text = '{"steps": [{"do": {"what": "drop"}}]}'
    assert bill.script_for("/ws", {HEADER: text}) == Script(steps=(Step(do=Drop()),))
    assert bill.script_for("/ws", {}) is SCENARIOS["stall"]


@pytest.mark.parametrize("wish", ["nonsense", "/etc/passwd", "{}}", '{"steps": 5}'])
def test_a_bad_wish_is_refused_and_no_file_is_read(wish: str) -> None:
    with pytest.raises(Refusal) as caught:
        Playbill(Script()).script_for("/ws", {HEADER: wish})
    assert caught.value.code == 1007


REFUSES = SCENARIOS["http-429"]


def test_a_handshake_is_refused_by_order_by_wish_and_by_the_servers_own_script() -> None:
    ordered = Playbill(SCENARIOS["conversation"])
    ordered.order(REFUSES, 1)
    assert [ordered.handshake_status("/ws", {}) for _ in range(2)] == [429, None]
    assert ordered.handshake_status("/ws", {HEADER: "http-503"}) == 503
    assert ordered.handshake_status("/ws?scenario=http-401", {}) == 401
    second = Playbill(Script(handshake=500, skip=1, connections=1))
    assert second.handshake_status("/ws", {}) is None
    second.script_for("/ws", {})
    assert [second.handshake_status("/ws", {}) for _ in range(2)] == [500, None]


def test_a_handshake_takes_no_other_script() -> None:
    bill = Playbill(SCENARIOS["conversation"])
    bill.order(DROP, 1)
    assert bill.handshake_status("/ws", {}) is None
    assert bill.handshake_status("/ws", {HEADER: "nonsense"}) is None
    assert bill.script_for("/ws", {}) is DROP
