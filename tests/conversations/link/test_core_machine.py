"""No sequence of sends, cuts, stalls, closes and broken connections loses, repeats or mixes up."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conversations.link.core import DEFAULT_WINDOW, LinkCore
from conversations.link.events import Opened
from conversations.link.flow import Flow
from conversations.link.frames import MAX_MESSAGE, PIECE
from tests.conversations.link.pair import joined

SIZES = st.sampled_from([1, 100, 3200, PIECE, PIECE + 1, 50_000, 300_000, MAX_MESSAGE])
WINDOWS = st.sampled_from([1, 1000, 65_536, DEFAULT_WINDOW])
CUTS = st.one_of(st.integers(1, 40), st.integers(41, 200_000))
MAX_STREAMS = 5


@dataclass
class End:
    """One end of a stream with what the model knows of it."""

    core: LinkCore
    flow: Flow
    sent: list[bytes] = field(default_factory=list)
    received: int = 0
    unconsumed: int = 0
    stalled: bool = False
    closed_here: bool = False


class LinkMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pair = joined()
        self.streams: dict[int, list[End]] = {}
        self.cut_off = False

    def end(self, data: st.DataObject) -> tuple[End, End]:
        """Some end of some stream that both ends know, and its other end."""
        number = data.draw(st.sampled_from([k for k, v in self.streams.items() if len(v) == 2]))
        side = data.draw(st.integers(0, 1))
        ends = self.streams[number]
        return ends[side], ends[1 - side]

    def arrive(self, core: LinkCore, size: int) -> None:
        for event in self.pair.deliver(core, size):
            if isinstance(event, Opened):
                self.streams[event.flow.id].append(End(self.pair.worker, event.flow))

    def has_streams(self) -> bool:
        return any(len(ends) == 2 for ends in self.streams.values())

    @initialize(windows=st.lists(WINDOWS, min_size=1, max_size=2))
    def open_some(self, windows: list[int]) -> None:
        for window in windows:
            self.open(window, at_once=True)

    @precondition(lambda self: not self.cut_off and len(self.streams) < MAX_STREAMS)
    @rule(window=WINDOWS, at_once=st.booleans())
    def open(self, window: int, at_once: bool) -> None:
        flow = self.pair.web.open(b"stream", window)
        self.streams[flow.id] = [End(self.pair.web, flow)]
        if at_once:
            self.settle()

    @precondition(has_streams)
    @rule(data=st.data(), size=SIZES, times=st.integers(1, 5))
    def send(self, data: st.DataObject, size: int, times: int) -> None:
        end, _ = self.end(data)
        for _ in range(times if end.flow.closed is None else 0):
            self.say(end, size)

    @rule(limit=CUTS, cuts=st.lists(CUTS, min_size=1, max_size=8))
    def carry(self, limit: int, cuts: list[int]) -> None:
        """Some of what is to be sent is written, and some of what is on the wire arrives."""
        for core in (self.pair.web, self.pair.worker):
            self.pair.write(core, limit)
        for size in cuts:
            self.arrive(self.pair.web, size)
            self.arrive(self.pair.worker, size)

    @precondition(has_streams)
    @rule(data=st.data(), size=st.integers(1000, 60_000), cut=st.integers(500, 100_000))
    def converse(self, data: st.DataObject, size: int, cut: int) -> None:
        """Messages go and are read and consumed, so that the window goes round."""
        end, other = self.end(data)
        for _ in range(10):
            if end.flow.closed is not None or other.flow.closed is not None or other.stalled:
                return
            self.say(end, size)
            self.pair.write(end.core)
            self.arrive(other.core, cut)
            self.take(other, end)
            self.consume_all(other)
            self.pair.write(other.core)
            self.arrive(end.core, cut)

    @precondition(has_streams)
    @rule(data=st.data(), count=st.integers(1, 20))
    def read(self, data: st.DataObject, count: int) -> None:
        end, other = self.end(data)
        if not end.stalled:
            self.take(end, other, count)

    @precondition(has_streams)
    @rule(data=st.data())
    def consume(self, data: st.DataObject) -> None:
        end, _ = self.end(data)
        size = data.draw(st.integers(0, end.unconsumed))
        end.core.consumed(end.flow, size)
        end.unconsumed -= size

    @precondition(has_streams)
    @rule(data=st.data())
    def stall(self, data: st.DataObject) -> None:
        self.end(data)[0].stalled = True

    @precondition(has_streams)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        end, _ = self.end(data)
        end.closed_here = True  # also after the other end: what came is dropped
        end.core.close_stream(end.flow, "done")

    @precondition(lambda self: not self.cut_off and self.has_streams())
    @rule(data=st.data(), sizes=st.tuples(CUTS, CUTS))
    def cut(self, data: st.DataObject, sizes: tuple[int, int]) -> None:
        """Some last bytes arrive, then none."""
        if data.draw(st.integers(0, 3)):
            return
        self.arrive(self.pair.web, sizes[0])
        self.arrive(self.pair.worker, sizes[1])
        for core in (self.pair.web, self.pair.worker):
            core.connection_lost()
            self.pair.wire_to(core).clear()
        self.cut_off = True

    def take(self, end: End, other: End, count: int = 1 << 30) -> None:
        while end.flow.inbox and count:
            message = end.flow.inbox.popleft()
            assert message == other.sent[end.received], "out of order, repeated or torn"
            end.received += 1
            end.unconsumed += len(message)
            count -= 1

    def say(self, end: End, size: int) -> None:
        head = f"{end.flow.id}/{end.core.role.name}/{len(end.sent)}/".encode()
        message = (head * (size // len(head) + 1))[:size]
        had_credit = end.flow.credit > 0
        assert end.core.send(end.flow, message) is had_credit
        if had_credit:
            end.sent.append(message)

    def consume_all(self, end: End) -> None:
        end.core.consumed(end.flow, end.unconsumed)
        end.unconsumed = 0

    def settle(self) -> None:
        """Everything written arrives."""
        cores = (self.pair.web, self.pair.worker)
        while any(core.has_output or self.pair.wire_to(core) for core in cores):
            for core in cores:
                self.pair.write(core)
            for core in cores:
                self.arrive(core, 1 << 30)

    def drain(self) -> None:
        """Every reader that is not stalled reads and consumes until nothing moves."""
        moved = True
        while moved:
            self.settle()
            moved = False
            for ends in self.streams.values():
                for end, other in zip(ends, reversed(ends), strict=True):
                    moved |= not end.stalled and bool(end.flow.inbox or end.unconsumed)
                    if not end.stalled:
                        self.take(end, other)
                        self.consume_all(end)

    @invariant()
    def nobody_holds_more_than_a_window_and_a_message(self) -> None:
        for end in (end for ends in self.streams.values() for end in ends):
            flow = end.flow
            if flow.closed is None:
                inbox = sum(map(len, flow.inbox))
                queued = inbox + flow.assembling + end.unconsumed
                assert queued < flow.receive_window + MAX_MESSAGE
                assert sum(map(len, flow.outbox)) < flow.send_window + MAX_MESSAGE

    @invariant()
    def the_peers_never_quarrel(self) -> None:
        for core in (self.pair.web, self.pair.worker):
            assert (core.ended is not None) is self.cut_off

    def teardown(self) -> None:
        if self.cut_off:
            self.check_cut()
        else:
            self.drain()
            self.check_complete()

    def check_cut(self) -> None:
        for ends in self.streams.values():
            for end, other in zip(ends, reversed(ends), strict=True):
                assert end.flow.closed is not None
                if len(ends) == 2:
                    self.take(end, other)

    def check_complete(self) -> None:
        for end, other in self.streams.values():
            assert (end.flow.closed is None) is (other.flow.closed is None)
            self.check_direction(end, other)
            self.check_direction(other, end)

    def check_direction(self, reader: End, writer: End) -> None:
        if reader.closed_here:
            assert not reader.flow.inbox
        elif not reader.stalled:
            assert reader.received == len(writer.sent)
        if reader.flow.closed is None and not reader.stalled:
            # Whoever is read can send: no credit was lost on the way.
            assert writer.flow.credit > 0


LinkMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, print_blob=True)
TestLink = LinkMachine.TestCase
