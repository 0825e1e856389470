import pytest

from conversations.link import core, errors, frames
from conversations.link.deadlines import Limits
from conversations.link.errors import LinkClosed, LinkProtocolError, LinkRefused
from conversations.link.events import Accepted, Ended, Opened, Readable, StreamEnded, Writable
from conversations.link.handshake import Role
from tests.conversations.link.pair import OTHER_SECRET, CorePair, joined, new_core

LIMITS = Limits(ping=5.0, dead=15.0)


def test_a_stream_is_opened_accepted_and_carries_messages_both_ways() -> None:
    pair = joined()
    here = pair.web.open(b"conversation 7", 5000)
    events = pair.pump()
    there = next(event.flow for event in events if isinstance(event, Opened))
    assert Accepted(here) in events
    assert (there.info, there.credit, here.credit) == (b"conversation 7", 5000, 262144)
    assert pair.web.send(here, b"up")
    assert pair.worker.send(there, b"down")
    assert pair.pump() == [Readable(here), Readable(there)]
    assert (here.inbox[0], there.inbox[0]) == (b"down", b"up")


def test_the_listening_end_may_send_in_the_tick_of_the_opening() -> None:
    pair = joined()
    here = pair.web.open(b"")
    pair.write(pair.web)
    opened = pair.deliver(pair.worker)[0]
    assert isinstance(opened, Opened)
    pair.worker.send(opened.flow, b"hello")
    assert pair.pump() == [Accepted(here), Readable(here)]


def test_nothing_is_sent_before_the_peer_gave_its_window() -> None:
    pair = joined()
    here = pair.web.open(b"")
    assert not pair.web.send(here, b"early")
    pair.pump()
    assert pair.web.send(here, b"in time")


def test_credit_returns_only_by_consuming() -> None:
    pair = joined()
    here, there = pair.open(window=1000)
    assert pair.worker.send(there, b"x" * 1000)
    pair.pump()
    here.inbox.popleft()
    assert pair.pump() == []
    assert not pair.worker.send(there, b"y")
    pair.web.consumed(here, 249)
    assert not pair.web.has_output
    pair.web.consumed(here, 1)
    assert pair.pump() == [Writable(there)]
    assert there.credit == 250


def test_streams_take_turns_piece_by_piece() -> None:
    pair = joined()
    flows = [pair.open() for _ in range(3)]
    large, small, last = (there for _, there in flows)
    pair.worker.send(large, b"L" * 200_000)
    pair.worker.send(small, b"s")
    pair.worker.send(last, b"t" * 20_000)
    order = []
    while pair.worker.has_output:
        order.append(frames.HEADER.unpack_from(pair.worker.data_to_send(1))[3])
    assert order[:6] == [large.id, small.id, last.id, large.id, last.id, large.id]


def test_small_frames_overtake_data() -> None:
    pair = joined()
    here, there = pair.open()
    pair.worker.send(there, b"x" * 100_000)
    pair.web.send(here, b"y" * 100_000)
    pair.write(pair.web, 1 << 20)
    pair.deliver(pair.worker)
    pair.worker.consumed(there, 100_000)
    assert pair.worker.data_to_send(1)[0] == frames.CREDIT


def test_the_reader_gets_all_messages_and_then_the_reason() -> None:
    pair = joined()
    here, there = pair.open()
    pair.worker.send(there, b"x" * 50_000)
    pair.worker.send(there, b"last")
    pair.worker.close_stream(there, "handed over")
    with pytest.raises(LinkClosed, match="handed over"):
        pair.worker.send(there, b"late")
    assert pair.pump() == [Readable(here), StreamEnded(here)]
    assert [len(message) for message in here.inbox] == [50_000, 4]
    assert here.closed is not None
    assert here.closed.reason == "handed over"


def test_both_ends_may_close_at_once() -> None:
    pair = joined()
    here, there = pair.open()
    pair.worker.send(there, b"under way")
    pair.web.close_stream(here, "web")
    pair.worker.close_stream(there, "worker")
    assert pair.pump() == []
    assert pair.web.ended is None
    assert pair.worker.ended is None
    assert not here.inbox


def test_what_is_under_way_to_a_closed_stream_is_dropped() -> None:
    pair = joined()
    here, there = pair.open()
    pair.worker.send(there, b"x" * 100_000)
    pair.web.close_stream(here)
    pair.web.close_stream(here, "second reason")
    assert pair.pump() == [StreamEnded(there)]
    assert there.closed is not None
    assert there.closed.reason == errors.CLOSED
    assert not here.inbox
    pair.web.consumed(here, 5)  # of no use to anyone, and no harm


def test_a_stream_that_waits_for_its_last_bytes_takes_nothing_in() -> None:
    pair = joined()
    here, there = pair.open()
    pair.web.send(here, b"x" * 100_000)
    pair.web.close_stream(here)
    pair.worker.send(there, b"late")
    pair.write(pair.worker)
    assert pair.deliver(pair.web) == []
    assert not here.inbox
    assert pair.pump() == [Readable(there), StreamEnded(there)]


def test_bytes_may_be_cut_anywhere() -> None:
    pair = joined()
    here, there = pair.open()
    pair.worker.send(there, b"x" * 20_000)
    pair.worker.send(there, b"y")
    pair.write(pair.worker)
    while pair.wire_to(pair.web):
        pair.deliver(pair.web, 7)
    assert list(here.inbox) == [b"x" * 20_000, b"y"]


def test_the_end_of_the_connection_ends_all_streams_at_both_ends() -> None:
    pair = joined()
    flows = [pair.open() for _ in range(3)]
    events = pair.worker.close("draining")
    assert events[-1] == Ended(pair.worker.ended or LinkClosed())
    assert [event for event in events[:-1] if isinstance(event, StreamEnded)] == events[:-1]
    pair.pump()
    for flow in (flow for ends in flows for flow in ends):
        assert flow.closed is not None
        assert flow.closed.reason == "draining"
    with pytest.raises(LinkClosed, match="draining"):
        pair.web.open(b"")


def test_nothing_moves_after_the_end() -> None:
    pair = joined()
    pair.web.connection_lost()
    assert not pair.web.has_output
    assert pair.web.receive_data(b"anything", 1.0) == []
    assert pair.web.tick(1e9) == []
    assert pair.web.close("again") == []
    assert pair.web.ended is not None
    assert pair.web.ended.reason == errors.CONNECTION_LOST


def test_only_so_many_streams_are_open_at_once() -> None:
    pair = joined(Limits(streams=2))
    here, _ = pair.open()
    pair.open()
    with pytest.raises(LinkClosed, match=errors.TOO_MANY_STREAMS):
        pair.web.open(b"")
    pair.web.close_stream(here)
    assert pair.open()[0].id == 3


def test_a_listening_end_with_less_room_refuses_one_stream_only() -> None:
    pair = CorePair()
    pair.worker = new_core(Role.LISTENING, limits=Limits(streams=1))
    pair.pump()
    first, _ = pair.open()
    second = pair.web.open(b"")
    assert pair.pump() == [StreamEnded(second)]
    assert second.closed is not None
    assert second.closed.reason == errors.TOO_MANY_STREAMS
    assert first.closed is None


@pytest.mark.parametrize(("info", "window"), [(bytes(16385), 1), (b"", 0), (b"", (1 << 30) + 1)])
def test_what_may_be_asked_for_has_bounds(info: bytes, window: int) -> None:
    with pytest.raises(ValueError, match="16 KiB"):
        joined().web.open(info, window)


def test_only_the_connecting_end_opens_and_only_after_the_handshake() -> None:
    for end in (joined().worker, CorePair().web):
        with pytest.raises(ValueError, match="connecting end"):
            end.open(b"")


# Time


def test_a_silent_peer_is_asked_and_then_given_up() -> None:
    pair = joined(LIMITS)
    here, _ = pair.open()
    assert pair.web.deadline == LIMITS.ping
    assert pair.web.tick(4.9) == []
    assert not pair.web.has_output
    assert pair.web.tick(5.0) == []
    assert pair.web.data_to_send() == frames.encode_frame(frames.PING)
    assert pair.web.deadline == LIMITS.dead
    assert pair.web.tick(14.9) == []
    events = pair.web.tick(15.0)
    assert events[:1] == [StreamEnded(here)]
    assert pair.web.ended is not None
    assert pair.web.ended.reason == errors.PEER_SILENT


def test_an_answer_keeps_the_connection() -> None:
    pair = joined(LIMITS)
    pair.open()
    for _ in range(10):
        pair.now += 5.0
        pair.web.tick(pair.now)
        pair.pump()
    assert pair.web.ended is None
    assert pair.web.deadline == pair.now + LIMITS.ping


def test_a_pause_of_our_own_does_not_kill_the_peer() -> None:
    pair = joined(LIMITS)
    pair.open()
    assert pair.web.tick(100.0) == []
    assert pair.web.ended is None
    assert pair.web.deadline == 110.0


def test_a_connection_without_streams_is_left_after_a_minute() -> None:
    pair = joined(LIMITS)
    pair.web.close_stream(pair.open()[0])
    ends = []
    for _ in range(20):
        pair.now = pair.web.deadline
        pair.web.tick(pair.now)
        pair.pump()
        if pair.web.ended is not None:
            ends.append(pair.now)
            break
    assert pair.web.ended is not None
    assert pair.web.ended.reason == errors.UNUSED
    assert 60.0 <= ends[0] <= 70.0


def test_a_stream_opened_in_time_keeps_it() -> None:
    pair = joined(LIMITS)
    pair.web.tick(1.0)
    pair.web.tick(60.0)
    pair.now = 60.5
    pair.pump()
    pair.open()
    pair.web.tick(61.0)
    assert pair.web.ended is None


def test_a_handshake_has_one_deadline_however_slowly_its_bytes_come() -> None:
    slow = new_core(Role.LISTENING)
    for second in range(5):
        assert slow.receive_data(b"PLYLINK1"[second : second + 1], float(second)) == []
    slow.tick(5.0)
    assert isinstance(slow.ended, LinkRefused)
    assert slow.ended.reason == errors.HANDSHAKE_TIMEOUT


# Peers that break the protocol


def test_a_wrong_secret_is_refused_at_both_ends() -> None:
    pair = CorePair()
    pair.web = new_core(Role.CONNECTING, secret=OTHER_SECRET)
    pair.pump()
    for end in (pair.web, pair.worker):
        assert isinstance(end.ended, LinkRefused)
        assert not end.established


def frame(kind: int, stream_id: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return frames.HEADER.pack(kind, flags, len(payload), stream_id) + payload


WINDOW = b"\0\0\1\0"
TO_WORKER = {
    "unknown type": frame(99, 1),
    "accept from the connecting end": frame(frames.ACCEPT, 1, WINDOW),
    "id used before": frame(frames.OPEN, 1, WINDOW),
    "window of nothing": frame(frames.OPEN, 2, bytes(4)),
    "window too large": frame(frames.OPEN, 2, b"\xff" * 4),
    "data of a stream never opened": frame(frames.DATA, 2, b"x"),
    "data of the connection": frame(frames.DATA, 0, b"x"),
    "empty data": frame(frames.DATA, 1),
    "short piece": frame(frames.DATA, 1, b"x", frames.MORE),
    "credit of nothing": frame(frames.CREDIT, 1, bytes(4)),
    "credit not used": frame(frames.CREDIT, 1, b"\0\0\0\1"),
    "reason is no text": frame(frames.CLOSE, 1, b"\xff"),
    "close of a stream never opened": frame(frames.CLOSE, 2),
    "message without credit": frame(frames.DATA, 1, bytes(16384)) * 17,
    "endless message": frame(frames.DATA, 1, bytes(16384), frames.MORE) * 65,
}


@pytest.mark.parametrize("data", TO_WORKER.values(), ids=TO_WORKER)
def test_a_connecting_end_that_breaks_the_protocol(data: bytes) -> None:
    pair = joined()
    pair.open()
    pair.worker.receive_data(data, 0.0)
    assert isinstance(pair.worker.ended, LinkProtocolError)
    goodbye = frame(frames.CLOSE, 0, pair.worker.ended.reason.encode())
    assert pair.worker.data_to_send() == goodbye


TO_WEB = {
    "opened by the listening end": frame(frames.OPEN, 5, WINDOW),
    "accepted twice": frame(frames.ACCEPT, 1, WINDOW),
    "accepted but never opened": frame(frames.ACCEPT, 3, WINDOW),
    "data before it was accepted": frame(frames.DATA, 2, b"x"),
    "credit before it was accepted": frame(frames.CREDIT, 2, b"\0\0\0\1"),
}


@pytest.mark.parametrize("data", TO_WEB.values(), ids=TO_WEB)
def test_a_listening_end_that_breaks_the_protocol(data: bytes) -> None:
    pair = joined()
    pair.open()
    pair.web.open(b"not accepted yet")
    pair.web.receive_data(data, 0.0)
    assert isinstance(pair.web.ended, LinkProtocolError)


def test_frames_after_the_peers_goodbye_do_not_count() -> None:
    pair = joined()
    pair.web.receive_data(frame(frames.CLOSE, 0, b"draining") + frame(99, 0), 0.0)
    assert type(pair.web.ended) is LinkClosed
    assert pair.web.ended.reason == "draining"
    assert not pair.web.has_output


def test_a_peer_that_asks_and_does_not_read_is_left() -> None:
    pair = joined()
    pings = frame(frames.PING, 0) * 1000
    for _ in range(core.MAX_REPLIES // len(pings) + 1):
        pair.worker.receive_data(pings, 0.0)
    assert isinstance(pair.worker.ended, LinkProtocolError)
