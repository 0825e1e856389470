"""Whatever arrives, the core answers with events or a typed end, and never with an exception."""

from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.link.core import LinkCore
from conversations.link.errors import LinkClosed, LinkProtocolError
from conversations.link.events import Event, Opened
from conversations.link.frames import HEADER, MAX_MESSAGE, MORE, NUMBER, PIECE
from conversations.link.handshake import MAGIC, NONCE_SIZE, PROOF_SIZE, Role
from tests.conversations.link.pair import CorePair, joined, new_core

PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"\0\0\0\1", b"\0\1\0\0", b"\xff" * 4, b"x" * PIECE, b"bye"]),
)
FRAMES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([0, 0, 0, MORE, 2]), st.integers(0, 5), PAYLOADS),
    max_size=40,
)


HANDSHAKE_TO_WEB = len(MAGIC) + NONCE_SIZE + PROOF_SIZE


def feed(core: LinkCore, data: bytes, cut: int) -> None:
    for start in range(0, len(data), cut):
        core.receive_data(data[start : start + cut], 0.0)
        core.data_to_send()
    assert core.ended is None or isinstance(core.ended, LinkClosed)
    if core.ended is not None:
        assert core.receive_data(data, 0.0) == []


@given(st.sampled_from(Role), st.binary(max_size=300), st.integers(1, 300))
def test_any_bytes_instead_of_a_handshake(role: Role, data: bytes, cut: int) -> None:
    core = new_core(role)
    feed(core, data, cut)
    assert not core.established


@given(st.booleans(), st.binary(max_size=500), st.integers(1, 500))
def test_any_bytes_after_the_handshake(to_web: bool, data: bytes, cut: int) -> None:
    pair = joined()
    pair.open()
    feed(pair.web if to_web else pair.worker, data, cut)


@given(st.booleans(), FRAMES, st.integers(1, 20_000))
def test_any_frames(to_web: bool, sequence: list[tuple[int, int, int, bytes]], cut: int) -> None:
    pair = joined()
    ends = [pair.open() for _ in range(3)]
    flows = [ours if to_web else theirs for ours, theirs in ends]
    data = b"".join(
        HEADER.pack(kind, flags, len(payload), stream_id) + payload
        for kind, flags, stream_id, payload in sequence
    )
    feed(pair.web if to_web else pair.worker, data, cut)
    for flow in flows:
        held = sum(map(len, flow.inbox)) + flow.assembling
        assert held < flow.receive_window + MAX_MESSAGE


def recorded() -> tuple[bytes, bytes]:
    """The bytes of a whole conversation: what the worker got, and what the web got."""
    pair = CorePair()
    heard = {pair.web: b"", pair.worker: b""}

    def move() -> list[Event]:
        events: list[Event] = []
        for core in (pair.worker, pair.web):
            pair.write(core)
            other = pair.peer(core)
            heard[other] += bytes(pair.wire_to(other))
            events += pair.deliver(other)
        return events

    for _ in range(3):
        move()
    here = pair.web.open(b"info", 1000)
    there = next(event.flow for event in move() if isinstance(event, Opened))
    pair.worker.send(there, b"y" * 17_000)
    move()
    assert pair.web.send(here, b"x" * 17_000)
    assert pair.web.send(here, b"small")
    move()
    move()
    pair.web.tick(6.0)
    pair.web.close_stream(here, "done")
    move()
    pair.web.close("bye")
    move()
    return heard[pair.worker], heard[pair.web]


TO_WORKER, TO_WEB = recorded()


def replay(*, to_web: bool) -> tuple[LinkCore, bytearray]:
    """A core for which the recorded bytes that are returned with it are the right ones."""
    if not to_web:
        return new_core(Role.LISTENING), bytearray(TO_WORKER)
    core = new_core(Role.CONNECTING)
    core.receive_data(TO_WEB[:HANDSHAKE_TO_WEB], 0.0)
    flow = core.open(b"info", 1000)
    accepted = HANDSHAKE_TO_WEB + HEADER.size + NUMBER.size
    core.receive_data(TO_WEB[HANDSHAKE_TO_WEB:accepted], 0.0)
    assert core.send(flow, b"x" * 17_000)
    return core, bytearray(TO_WEB[accepted:])


@settings(max_examples=200)
@given(st.booleans(), st.data())
def test_valid_traffic_with_a_fault_in_it(to_web: bool, data: st.DataObject) -> None:
    core, traffic = replay(to_web=to_web)
    place = data.draw(st.integers(0, len(traffic) - 1), "place")
    removed = data.draw(st.integers(0, 12), "removed")
    traffic[place : place + removed] = data.draw(st.binary(max_size=12), "added")
    feed(core, bytes(traffic), data.draw(st.integers(100, len(traffic)), "cut"))


def test_the_recording_is_a_conversation() -> None:
    for to_web in (True, False):
        core, traffic = replay(to_web=to_web)
        core.receive_data(bytes(traffic), 0.0)
        assert core.established
        assert not isinstance(core.ended, LinkProtocolError)
    assert len(TO_WORKER) > 17_000
    assert len(TO_WEB) > 17_000
