from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from conversations.tools.mcp.event_stream import EventStream

STREAM = (
    b"\xef\xbb\xbf: a comment\r\nevent: message\r\ndata: one\r\n\r\n"
    b"data:two\ndata: more\nid: 7\n\n\n\nretry: 5\n\ndata\r\rdata: \xc3\xa9\n\ndata: half"
)
EVENTS = ["one", "two\nmore", "", "é"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_come_out_whole_however_they_are_split(cuts: list[int]) -> None:
    stream, found = EventStream(), []
    edges = [0, *sorted(cuts), len(STREAM)]
    for begin, end in pairwise(edges):
        found += list(stream.feed(STREAM[begin:end]))
    assert found == EVENTS
