import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tally import TAG, Track, count, percentile


def talk(track: Track, *sent: float) -> list[bytes]:
    tags = []
    for moment in sent:
        tags.append(track.next_tag())
        track.sent(moment)
    return tags


def test_latency_counts_from_the_send_to_the_answer() -> None:
    track = Track(3)
    tags = talk(track, 1.0, 1.1)
    track.answered(tags[0], 1.004)
    track.answered(tags[1], 1.102)
    counted = count([track], 0.0, 2.0)
    assert counted.latencies_ms == pytest.approx([4.0, 2.0])
    assert (counted.sent, counted.lost, counted.disordered) == (2, 0, 0)
    assert track.is_complete


def test_only_chunks_sent_in_the_window_count() -> None:
    track = Track(0)
    for tag in talk(track, 0.9, 1.0, 1.9, 2.0):
        track.answered(tag, 2.5)
    assert count([track], 1.0, 2.0).sent == 2


def test_a_chunk_without_an_answer_is_lost() -> None:
    track = Track(0)
    tags = talk(track, 1.0, 1.1, 1.2)
    track.answered(tags[0], 1.01)
    track.answered(tags[2], 1.21)
    counted = count([track], 0.0, 2.0)
    assert (counted.sent, counted.lost) == (3, 1)
    assert not track.is_complete


def test_repetition_order_and_foreign_tags_are_seen() -> None:
    track = Track(5)
    tags = talk(track, 1.0, 1.1, 1.2)
    for tag in (tags[1], tags[0], tags[0], TAG.pack(6, 0), TAG.pack(5, 3), tags[2]):
        track.answered(tag, 2.0)
    counted = count([track], 0.0, 3.0)
    assert (counted.disordered, counted.repeated, counted.foreign) == (1, 1, 2)
    assert counted.lost == 0


def test_percentile_is_a_measured_value() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, 0.50) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 1.0) == 100.0
    assert percentile([7.0], 0.0) == 7.0
    assert math.isnan(percentile([], 0.5))


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0, 1))
def test_percentile_covers_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
