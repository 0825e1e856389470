from hypothesis import given
from hypothesis import strategies as st

from live.events import Usage
from live.events.usage import usage_of
from live.messages import ModalityTokenCount, UsageMetadata
from live.wire import decode
from tests.live.samples import on_the_wire, sample, samples

counts = st.integers(0, 10**6)
details = st.dictionaries(st.sampled_from(["TEXT", "AUDIO", "VIDEO"]), counts)
usages = st.builds(
    Usage,
    prompt_tokens=counts,
    response_tokens=counts,
    total_tokens=counts,
    prompt_details=details,
    response_details=details,
    traffic_type=st.sampled_from(["", "ON_DEMAND"]),
)


def told(kind: str) -> Usage:
    metadata = decode(on_the_wire(sample(kind))).usage_metadata
    assert metadata is not None
    return usage_of(metadata)


def test_every_counter_is_told() -> None:
    assert told("usage.all_counters") == Usage(
        prompt_tokens=700,
        cached_tokens=100,
        response_tokens=50,
        tool_use_tokens=20,
        thoughts_tokens=30,
        total_tokens=800,
        prompt_details={"TEXT": 442, "VIDEO": 258},
        response_details={"AUDIO": 50},
        cached_details={"TEXT": 100},
        tool_use_details={"TEXT": 20},
        service_tier=sample("usage.all_counters")["usageMetadata"].get("serviceTier", ""),
        traffic_type=sample("usage.all_counters")["usageMetadata"].get("trafficType", ""),
    )


def test_usage_of_vertex_ai_is_the_same_event() -> None:
    usage = told("usageMetadata.vertex")
    assert (usage.response_tokens, usage.response_details) == (50, {"AUDIO": 50})
    assert usage.traffic_type == "ON_DEMAND"


def test_a_modality_that_comes_twice_is_added_up() -> None:
    metadata = UsageMetadata(
        prompt_tokens_details=[ModalityTokenCount("AUDIO", 3), ModalityTokenCount("AUDIO", 4)]
    )
    assert usage_of(metadata).prompt_details == {"AUDIO": 7}


def test_the_sum_of_a_talk_by_modality() -> None:
    talk = [
        usage_of(metadata)
        for _, message in samples("server")
        if (metadata := decode(on_the_wire(message)).usage_metadata) is not None
    ]
    whole = sum(talk, Usage())
    assert whole.total_tokens == sum(usage.total_tokens for usage in talk)
    assert whole.response_details["AUDIO"] == sum(
        usage.response_details.get("AUDIO", 0) for usage in talk
    )


@given(usages, usages, usages)
def test_adding_up_knows_no_order_of_grouping(one: Usage, two: Usage, three: Usage) -> None:
    assert (one + two) + three == one + (two + three)
    assert one + Usage() == one
    assert Usage() + one == one
