import json
from typing import Any

import msgspec
import pytest

from live.messages import ClientMessage, GenerationConfig, ThinkingConfig
from live.wire import read_client
from tests.live.samples import on_the_wire, samples

SETUPS = [(kind, message) for kind, message in samples("client") if "setup" in message]


@pytest.mark.parametrize(("kind", "message"), SETUPS, ids=[kind for kind, _ in SETUPS])
def test_every_name_of_a_setup_has_a_type(kind: str, message: dict[str, Any]) -> None:
    typed, whole = read_client(on_the_wire(message))
    assert whole
    assert typed.setup is not None
    assert typed.setup.model == message["setup"]["model"]


def test_zero_is_sent_where_it_is_not_the_default() -> None:
    config = GenerationConfig(temperature=0.0, thinking_config=ThinkingConfig(thinking_budget=0))
    assert json.loads(msgspec.json.encode(config)) == {
        "temperature": 0.0,
        "thinkingConfig": {"thinkingBudget": 0},
    }


def test_the_python_sdk_s_numbers_are_int64_all_the_same() -> None:
    setup = dict(SETUPS)["setup.python_mixed_case"]
    typed: ClientMessage = read_client(on_the_wire(setup))[0]
    assert typed.setup is not None
    compression = typed.setup.context_window_compression
    assert compression is not None
    assert compression.trigger_tokens == "25000"
    assert compression.sliding_window is not None
    assert compression.sliding_window.target_tokens == "8000"
