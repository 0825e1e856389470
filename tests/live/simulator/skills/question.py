"""How the tests ask."""

from datetime import UTC, datetime

from live.simulator.sessions import Role, Said
from live.simulator.skills.asked import Asked

NOON = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)


def asked(text: str, *before: str, instruction: str = "", seed: int = 0) -> Asked:
    """`before` holds the earlier turns, the user's first."""
    roles = (Role.USER, Role.MODEL)
    history = [Said(roles[index % 2], said) for index, said in enumerate(before)]
    return Asked(text=text, history=history, instruction=instruction, now=NOON, seed=seed)
