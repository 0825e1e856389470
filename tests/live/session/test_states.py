import itertools
from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import ProtocolError, ProtocolMisuse
from live.session import TRANSITIONS, Input, Session, State
from live.setup import SessionConfig
from tests.live.samples import on_the_wire


def tell(session: Session, message: dict[str, Any]) -> None:
    session.receive(on_the_wire(message), 1.0)


PAIRS = list(itertools.product(State, Input))


def do(session: Session, what: Input) -> None:
    match what:
        case Input.OPENED:
            session.opened(1.0)
        case Input.SETUP_COMPLETE:
            tell(session, {"setupComplete": {}})
        case Input.MESSAGE:
            tell(session, {})
        case Input.GO_AWAY:
            tell(session, {"goAway": {"timeLeft": "50s"}})
        case Input.SEND:
            session.audio_end()
        case Input.DEADLINE:
            session.tick(1e9)
        case Input.CLOSE:
            session.close()
        case Input.LOST:
            session.lost(1006, "")


def in_state(state: State) -> Session:
    ways = {
        State.CONNECTING: [],
        State.SETUP_SENT: [Input.OPENED],
        State.READY: [Input.OPENED, Input.SETUP_COMPLETE],
        State.ROTATING: [Input.OPENED, Input.SETUP_COMPLETE, Input.GO_AWAY],
        State.CLOSED: [Input.CLOSE],
    }
    session = Session(SessionConfig(model="gemini-3.8-live"), Endpoint.developer(), now=0.0)
    for what in ways[state]:
        do(session, what)
    assert session.state is state
    return session


@pytest.mark.parametrize(("state", "what"), PAIRS, ids=lambda value: value.value)
def test_every_pair_does_what_the_table_says(state: State, what: Input) -> None:
    session = in_state(state)
    target = TRANSITIONS.get((state, what))
    if what is Input.DEADLINE and target is None:
        do(session, what)  # there is no deadline, so nothing happens
        assert session.state is state
    elif target is None:
        with pytest.raises((ProtocolError, ProtocolMisuse)):
            do(session, what)
        assert session.state is state
    else:
        do(session, what)
        assert session.state is target


def test_every_state_can_be_left_but_the_last() -> None:
    for state in State:
        targets = {new for (old, _), new in TRANSITIONS.items() if old is state}
        assert State.CLOSED in targets
        assert (targets == {State.CLOSED}) is (state is State.CLOSED)
