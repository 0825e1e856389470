"""Where an answer comes from: searches, web pages, places on a map."""

from __future__ import annotations

from typing import Any

import msgspec

from live.messages.base import Detail


class WebChunk(Detail, frozen=True):
    uri: str = ""
    title: str = ""
    domain: str = ""


class ImageChunk(Detail, frozen=True):
    source_uri: str = ""
    image_uri: str = ""
    title: str = ""
    domain: str = ""


class GroundingChunk(Detail, frozen=True):
    """One source: exactly one of the fields. Maps and own documents come as they are."""

    web: WebChunk | None = None
    image: ImageChunk | None = None
    maps: dict[str, Any] | None = None
    retrieved_context: dict[str, Any] | None = None


class Segment(Detail, frozen=True):
    """A piece of the answer: `[start_index, end_index)` in bytes of UTF-8."""

    part_index: int = 0
    start_index: int = 0
    end_index: int = 0
    text: str = ""


class GroundingSupport(Detail, frozen=True):
    """Which chunks, by their place in the list, support a piece of the answer."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] = msgspec.field(default_factory=list)
    confidence_scores: list[float] = msgspec.field(default_factory=list)
    rendered_parts: list[int] = msgspec.field(default_factory=list)


class SearchEntryPoint(Detail, frozen=True):
    """HTML that Google's terms ask to show beside a grounded answer. Not to be trusted."""

    rendered_content: str = ""
    sdk_blob: bytes = b""


class GroundingMetadata(Detail, frozen=True):
    """What a grounded answer is based on."""

    web_search_queries: list[str] = msgspec.field(default_factory=list)
    image_search_queries: list[str] = msgspec.field(default_factory=list)
    retrieval_queries: list[str] = msgspec.field(default_factory=list)
    grounding_chunks: list[GroundingChunk] = msgspec.field(default_factory=list)
    grounding_supports: list[GroundingSupport] = msgspec.field(default_factory=list)
    search_entry_point: SearchEntryPoint | None = None
    retrieval_metadata: dict[str, Any] | None = None
    google_maps_widget_context_token: str = ""


class UrlMetadata(Detail, frozen=True):
    """One page that was looked at; the status is URL_RETRIEVAL_STATUS_SUCCESS or …_ERROR, …"""

    retrieved_url: str = ""
    url_retrieval_status: str = ""


class UrlContextMetadata(Detail, frozen=True):
    url_metadata: list[UrlMetadata] = msgspec.field(default_factory=list)
