"""The session core: the table of states, the model's turn, and `Session` that follows both."""

from live.session.comeback import Comeback
from live.session.session import Session
from live.session.states import TRANSITIONS, Input, State
from live.session.turn import TURNS, Step, Turn, step_of

__all__ = [
    "TRANSITIONS",
    "TURNS",
    "Comeback",
    "Input",
    "Session",
    "State",
    "Step",
    "Turn",
    "step_of",
]
