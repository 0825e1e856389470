import json

import msgspec

from live.messages import GroundingMetadata, WebChunk
from tests.live.samples import sample


def test_the_sample_is_typed() -> None:
    data = sample("groundingMetadata")["serverContent"]["groundingMetadata"]
    metadata = msgspec.json.decode(json.dumps(data), type=GroundingMetadata)
    assert metadata.web_search_queries == ["test query"]
    assert metadata.grounding_chunks[0].web == WebChunk(
        "https://example.invalid/r/1", "Search results", "google.com"
    )
    assert metadata.search_entry_point is not None
    assert metadata.search_entry_point.rendered_content == "<div></div>"


def test_a_support_names_its_piece_and_its_chunks() -> None:
    support = {
        "segment": {"startIndex": 3, "endIndex": 9, "text": "Pariis"},
        "groundingChunkIndices": [0, 2],
        "confidenceScores": [0.5, 1],
    }
    metadata = msgspec.convert({"groundingSupports": [support]}, GroundingMetadata)
    (found,) = metadata.grounding_supports
    assert found.segment is not None
    assert (found.segment.start_index, found.segment.end_index) == (3, 9)
    assert found.grounding_chunk_indices == [0, 2]
