import json
from typing import Any

import pytest

from live.simulator.closes import Refusal
from live.simulator.fields import read_message
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE
from tests.live.samples import samples

CLIENT = samples("client")


@pytest.mark.parametrize(("kind", "message"), CLIENT, ids=[kind for kind, _message in CLIENT])
def test_everything_the_official_clients_send_is_read(kind: str, message: dict[str, Any]) -> None:
    reader = VERTEX_MESSAGE if "vertex" in kind else DEVELOPER_MESSAGE
    name, fields = read_message(json.dumps(message), reader)
    assert name in {
        "setup",
        "client_content",
        "realtime_input",
        "tool_response",
        "context_update",
    }
    assert len(fields) == len(next(iter(message.values())))


def test_vertex_has_the_same_messages() -> None:
    assert DEVELOPER_MESSAGE.fields.keys() == VERTEX_MESSAGE.fields.keys()


@pytest.mark.parametrize(
    "setup",
    [
        {"safetySettings": [{"category": "c", "threshold": "t", "method": "SEVERITY"}]},
        {"avatarConfig": {"avatar": "x"}},
        {"generationConfig": {"translationConfig": {"language": "fr"}}},
        {"tools": [{"codeExecution": {"language": "PYTHON"}}]},
    ],
)
def test_unknown_names_deep_inside_are_refused(setup: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        read_message(json.dumps({"setup": setup}), DEVELOPER_MESSAGE)
    assert caught.value.reason.startswith("Invalid JSON payload received. Unknown name")


def test_vertex_knows_how_safety_is_judged() -> None:
    settings = [{"category": "c", "threshold": "t", "method": "SEVERITY"}]
    text = json.dumps({"setup": {"safetySettings": settings}})
    assert read_message(text, VERTEX_MESSAGE) == ("setup", {"safety_settings": settings})
