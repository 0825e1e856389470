"""Tokens: of one turn, and added up."""

from __future__ import annotations

from collections.abc import Mapping

from live.events.base import Event
from live.messages import ModalityTokenCount, UsageMetadata

Details = Mapping[str, int]


class Usage(Event, frozen=True):
    """Tokens of one turn, or of several added up by `+`.

    The prompt of a turn counts the whole context again, and is billed so: the sum of a session
    is what it costs, not how long it is. The details give the tokens by modality (TEXT, AUDIO,
    IMAGE, VIDEO, DOCUMENT); the service may detail less than it counts. The tier and the type of
    traffic are those of the last turn that named one.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    response_tokens: int = 0
    tool_use_tokens: int = 0
    thoughts_tokens: int = 0
    total_tokens: int = 0
    prompt_details: Details = {}
    response_details: Details = {}
    cached_details: Details = {}
    tool_use_details: Details = {}
    service_tier: str = ""
    traffic_type: str = ""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            response_tokens=self.response_tokens + other.response_tokens,
            tool_use_tokens=self.tool_use_tokens + other.tool_use_tokens,
            thoughts_tokens=self.thoughts_tokens + other.thoughts_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            prompt_details=_sum(self.prompt_details, other.prompt_details),
            response_details=_sum(self.response_details, other.response_details),
            cached_details=_sum(self.cached_details, other.cached_details),
            tool_use_details=_sum(self.tool_use_details, other.tool_use_details),
            service_tier=other.service_tier or self.service_tier,
            traffic_type=other.traffic_type or self.traffic_type,
        )


def usage_of(metadata: UsageMetadata) -> Usage:
    """The event of one message; the two APIs' names of the answer's counters become one."""
    response = metadata.response_tokens_details or metadata.candidates_tokens_details
    return Usage(
        prompt_tokens=metadata.prompt_token_count,
        cached_tokens=metadata.cached_content_token_count,
        response_tokens=metadata.response_token_count or metadata.candidates_token_count,
        tool_use_tokens=metadata.tool_use_prompt_token_count,
        thoughts_tokens=metadata.thoughts_token_count,
        total_tokens=metadata.total_token_count,
        prompt_details=_by_modality(metadata.prompt_tokens_details),
        response_details=_by_modality(response),
        cached_details=_by_modality(metadata.cache_tokens_details),
        tool_use_details=_by_modality(metadata.tool_use_prompt_tokens_details),
        service_tier=metadata.service_tier,
        traffic_type=metadata.traffic_type,
    )


def _by_modality(counts: list[ModalityTokenCount]) -> Details:
    tokens: Details = {}
    for count in counts:
        tokens = _sum(tokens, {count.modality: count.token_count})
    return tokens


def _sum(one: Details, other: Details) -> Details:
    return {
        modality: one.get(modality, 0) + other.get(modality, 0)
        for modality in (*one, *(name for name in other if name not in one))
    }
