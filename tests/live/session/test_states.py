import itertools
from typing import Any

import pytest

from live.endpoint import Endpoint
from live.errors import ProtocolError, ProtocolMisuse, error_from_close
from live.session import TRANSITIONS, Comeback, Input, Session, State
from live.setup import SessionConfig
from tests.live.samples import on_the_wire


def tell(session: Session, message: dict[str, Any]) -> None:
    session.receive(on_the_wire(message), 1.0)


PAIRS = list(itertools.product(State, Input))


def do(session: Session, what: Input) -> None:  # noqa: C901 - one line for each input
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
        case Input.PAUSE:
            tell(session, {"toolCallCancellation": {"ids": ["open"]}})
        case Input.CLOSE:
            session.close()
        case Input.LOST:
            session.lost(error_from_close(1006, ""), 1.0)
        case Input.GIVE_UP:
            session.lost(error_from_close(1007, "API key not valid."), 1.0)


def in_state(state: State, short_lives: int = 5) -> Session:
    ways = {
        State.CONNECTING: [],
        State.SETUP_SENT: [Input.OPENED],
        State.READY: [Input.OPENED, Input.SETUP_COMPLETE],
        State.ROTATING: [Input.OPENED, Input.SETUP_COMPLETE, Input.GO_AWAY],
        State.LEAVING: [Input.OPENED, Input.SETUP_COMPLETE, Input.GO_AWAY, Input.PAUSE],
        State.WAITING: [Input.LOST],
        State.CLOSED: [Input.CLOSE],
    }
    config = SessionConfig(model="gemini-3.8-live")
    comeback = Comeback(insist=True, short_lives=short_lives)
    session = Session(config, Endpoint.developer(), comeback=comeback)
    for what in ways[state]:
        do(session, what)
        if what is Input.SETUP_COMPLETE:  # a call that is open keeps it from leaving at once
            tell(session, {"toolCall": {"functionCalls": [{"id": "open", "name": "f"}]}})
    assert session.state is state
    return session


@pytest.mark.parametrize(("state", "what"), PAIRS, ids=lambda value: value.value)
def test_every_pair_does_what_the_table_says(state: State, what: Input) -> None:
    # Who leaves a connection gives up only when there were too many of them.
    session = in_state(state, short_lives=0 if what is Input.GIVE_UP else 5)
    target = TRANSITIONS.get((state, what))
    if what in {Input.PAUSE, Input.GIVE_UP} and target is None:
        return  # nothing that anybody can do: a decision of the session's own
    if what is Input.DEADLINE and target is None:
        before = session.state
        do(session, what)  # there is no deadline, or it is the one of a lost connection
        assert session.state in {before, State.WAITING}
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
