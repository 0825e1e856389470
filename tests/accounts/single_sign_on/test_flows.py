from typing import Any
from uuid import UUID, uuid4

from accounts.single_sign_on import flows
from accounts.single_sign_on.flows import Flow
from accounts.single_sign_on.protocol import Discovery

TENANT = uuid4()
FOUND = Discovery("https://idp.example", "a", "t", "j", "", by_post=False)


def flow(tenant_id: UUID = TENANT) -> Flow:
    return Flow(str(tenant_id), "provider", FOUND)


def test_a_flow_is_taken_once() -> None:
    session: dict[str, Any] = {}
    mine, other = flow(), flow()
    flows.keep(session, mine)
    flows.keep(session, other)
    assert flows.take(session, TENANT, mine.state) == mine
    assert flows.take(session, TENANT, mine.state) is None
    assert flows.take(session, TENANT, other.state) == other
    assert mine.state not in repr(mine)


def test_what_is_none() -> None:
    session: dict[str, Any] = {}
    for state in ("", "x", "ü"):
        assert flows.take(session, TENANT, state) is None
    late = flow()
    flows.keep(session, late)
    assert flows.take(session, TENANT, late.state, now=late.begun_at + 601) is None
    elsewhere = flow()
    flows.keep(session, elsewhere)
    assert flows.take(session, uuid4(), elsewhere.state) is None


def test_the_oldest_goes_first() -> None:
    session: dict[str, Any] = {}
    begun = [flow() for _ in range(flows.MOST + 1)]
    for each in begun:
        flows.keep(session, each)
    assert flows.take(session, TENANT, begun[0].state) is None
    assert flows.take(session, TENANT, begun[1].state) == begun[1]
