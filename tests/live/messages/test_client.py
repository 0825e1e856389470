import json
from typing import Any

import msgspec
import pytest

from live.messages import ClientMessage, ContextUpdate, ContextUpdateTools
from tests.live.samples import samples

# The Python SDK writes snake_case here and there; we never do.
CLIENT = [(kind, message) for kind, message in samples("client") if "python" not in kind]


def without_defaults(value: Any) -> Any:
    """A message as protobuf JSON writes it: `false` and empty text are left out."""
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    if isinstance(value, dict):
        return {k: without_defaults(v) for k, v in value.items() if v is not False and v != ""}
    return value


@pytest.mark.parametrize(("kind", "message"), CLIENT, ids=[kind for kind, _ in CLIENT])
def test_every_client_sample_fits_and_comes_back_the_same(
    kind: str, message: dict[str, Any]
) -> None:
    typed = msgspec.json.decode(json.dumps(message), type=ClientMessage)
    again = json.loads(msgspec.json.encode(typed))
    assert without_defaults(again) == without_defaults(message)


def test_taking_all_tools_away_is_not_the_same_as_leaving_them() -> None:
    assert msgspec.json.encode(ContextUpdate()) == b"{}"
    assert msgspec.json.encode(ContextUpdate(tools=ContextUpdateTools())) == (
        b'{"tools":{"tools":[]}}'
    )
