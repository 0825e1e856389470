"""The schema of a function's `parameters`, as far as Google checks it.

It is the OpenAPI subset of ai.google.dev/api/caching#Schema, types in any case. A bad one is
refused with the setup; `parametersJsonSchema` is not looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from live.simulator.closes import invalid_argument

MAX_DEPTH = 32
_TYPES = frozenset("STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL TYPE_UNSPECIFIED".split())


def check_parameters(schema: Any, depth: int = 0) -> None:
    """Raise Refusal (1007) for a schema that is none.

    Types have to be known, an ARRAY to name its `items`, `required` to name properties.
    """
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        raise invalid_argument()
    kind = str(schema.get("type", "OBJECT")).upper()
    properties = schema.get("properties")
    properties = {} if properties is None else properties
    if kind not in _TYPES or not isinstance(properties, Mapping):
        raise invalid_argument()
    if kind == "ARRAY" and "items" not in schema:
        raise invalid_argument()
    if not properties.keys() >= set(_names(schema.get("required"))):
        raise invalid_argument()
    for inner in _inner(schema, properties):
        check_parameters(inner, depth + 1)


def _names(required: Any) -> list[str]:
    if required is None:
        return []
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise invalid_argument()
    return required


def _inner(schema: Mapping[str, Any], properties: Mapping[str, Any]) -> Iterator[Any]:
    yield from properties.values()
    if "items" in schema:
        yield schema["items"]
    either = schema.get("anyOf") or schema.get("any_of") or []
    yield from either if isinstance(either, list) else [either]
