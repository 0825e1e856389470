"""The JSON Schema of a tool's parameters, in the part of it that Gemini takes.

That part is the `Schema` object of Google's API. Everything else is refused there with the whole
session, so it is found here, when somebody writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conversations.tools.positions import Path, lines_of

MOST_CHARACTERS = 32_000
MOST_DEPTH = 16
MOST_FAULTS = 12

TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_FORMATS = {
    "string": frozenset({"enum", "date-time"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
_COUNTS = frozenset("minItems maxItems minProperties maxProperties minLength maxLength".split())
_TEXTS = frozenset("title description pattern".split())
_ANY = frozenset("default example".split())
_KNOWN = (
    _COUNTS | _TEXTS | _ANY
    | frozenset("type format nullable enum properties required propertyOrdering".split())
    | frozenset("items anyOf minimum maximum".split())
)  # fmt: skip
_INSTEAD = {
    "$schema": "Leave it out.",
    "$ref": "Write out what it refers to.",
    "$defs": "Write each definition out where it is used.",
    "definitions": "Write each definition out where it is used.",
    "additionalProperties": "Leave it out: only the properties named are filled in.",
    "oneOf": "Use anyOf.",
    "allOf": "Write it as one schema.",
    "const": "Use enum with this one value.",
    "examples": "Use example, with one of them.",
    "exclusiveMinimum": "Use minimum.",
    "exclusiveMaximum": "Use maximum.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that Gemini would refuse. `line` is 0 where it is not known."""

    path: Path
    text: str
    line: int = 0

    def __str__(self) -> str:
        place = ".".join(map(str, self.path))
        start = f"Line {self.line}: " if self.line else ""
        return f"{start}{place}: {self.text}" if place else f"{start}{self.text}"


def read_schema(text: str) -> tuple[dict[str, Any], list[Fault]]:
    """The schema that was typed, and what is wrong with it, at most MOST_FAULTS of it.

    Nothing typed is a tool without parameters.
    """
    if not text.strip():
        return {}, []
    if len(text) > MOST_CHARACTERS:
        return {}, [Fault((), f"At most {MOST_CHARACTERS:,} characters.")]
    schema, fault = _parsed(text)
    if fault:
        return {}, [fault]
    found = [fault for fault, _ in zip(faults(schema), range(MOST_FAULTS), strict=False)]
    if not found:
        return schema, []
    lines = lines_of(text)
    placed = [Fault(each.path, each.text, _line(lines, each.path)) for each in found]
    return schema, sorted(placed, key=lambda each: each.line)


def _parsed(text: str) -> tuple[dict[str, Any], Fault | None]:
    try:
        schema = json.loads(text, parse_constant=_refuse)
        json.dumps(schema, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return {}, Fault((), f"This is no JSON: {error.msg}.", error.lineno)
    except RecursionError:
        return {}, Fault((), f"At most {MOST_DEPTH} levels.")
    except ValueError:
        return {}, Fault((), "This is no JSON: it holds half a character, or NaN.")
    if not isinstance(schema, dict):
        return {}, Fault((), "The schema is an object: { … }.", 1)
    if "\\u0000" in text:
        return {}, Fault((), "It holds a character that is none: \\u0000.")
    return schema, None


def faults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    """What Gemini would refuse in the schema of a function's parameters."""
    if not schema:
        return
    if _type_of(schema) != "object":
        yield Fault((), 'Parameters are an object: "type": "object", with properties.')
    yield from _faults(schema, ())


def gemini(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """A schema without faults as Google writes it; None for a tool without parameters."""
    if not schema.get("properties"):
        return None
    return _translated(schema)


def sample(schema: Mapping[str, Any]) -> Any:
    """Arguments to begin a trial with: the defaults and examples where there are any."""
    for key in ("default", "example"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = _type_of(schema)
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: sample(each) for name, each in properties.items()}
    if kind == "array":
        return [sample(schema["items"])] if "items" in schema else []
    return {"string": "", "number": 0, "integer": 0, "boolean": False}.get(kind)


def _translated(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(schema)
    if "type" in found:
        found["type"] = str(found["type"]).upper()
    if "properties" in found:
        found["properties"] = {
            name: _translated(each) for name, each in found["properties"].items()
        }
    if "items" in found:
        found["items"] = _translated(found["items"])
    if "anyOf" in found:
        found["anyOf"] = [_translated(each) for each in found["anyOf"]]
    return found


# -- Faults ------------------------------------------------------------------------------------


def _faults(schema: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(schema, Mapping):
        yield Fault(path, "A schema is an object: { … }.")
        return
    if len(path) > 2 * MOST_DEPTH:
        yield Fault(path, f"At most {MOST_DEPTH} levels.")
        return
    for key, value in schema.items():
        yield from _fault_of_word(schema, key, value, (*path, key))
    kind = _type_of(schema)
    if not {"type", "anyOf"} & schema.keys():
        yield Fault(path, "It has no type.")
    if kind == "array" and "items" not in schema:
        yield Fault(path, "An array says what its items are.")
    yield from _inner_faults(schema, path)


def _fault_of_word(schema: Mapping[str, Any], key: str, value: Any, path: Path) -> Iterator[Fault]:
    if key not in _KNOWN:
        yield Fault(path, f"Gemini does not know this word. {_INSTEAD.get(key, '')}".strip())
    elif key == "type":
        yield from _fault_of_type(value, path)
    elif key == "format":
        yield from _fault_of_format(schema, value, path)
    elif key == "enum":
        yield from _fault_of_enum(schema, value, path)
    elif key in {"required", "propertyOrdering"}:
        yield from _fault_of_names(schema, value, path)
    elif key in _COUNTS and not _is_count(value):
        yield Fault(path, "A whole number from 0.")
    elif key in {"minimum", "maximum"} and not _is_number(value):
        yield Fault(path, "A number.")
    elif key in _TEXTS and not isinstance(value, str):
        yield Fault(path, "A text.")
    elif key == "nullable" and not isinstance(value, bool):
        yield Fault(path, "true or false.")


def _fault_of_type(value: Any, path: Path) -> Iterator[Fault]:
    if isinstance(value, list):
        yield Fault(path, 'One type. What may be missing has "nullable": true besides.')
    elif not isinstance(value, str) or value.lower() not in TYPES:
        yield Fault(path, f"One of {', '.join(TYPES)}.")


def _fault_of_format(schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Fault]:
    known = _FORMATS.get(_type_of(schema), frozenset())
    if value not in known:
        names = f"Here it is {' or '.join(sorted(known))}." if known else ""
        yield Fault(
            path, f"Gemini does not take this format. {names} Say in the description what it is."
        )


def _fault_of_enum(schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Fault]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        yield Fault(path, "A list of texts, with at least one.")
    elif _type_of(schema) != "string":
        yield Fault(path, "Only a string has an enum.")


def _fault_of_names(schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Fault]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        yield Fault(path, "A list of the names of properties.")
        return
    for number, name in enumerate(value):
        if name not in known:
            yield Fault((*path, number), f"There is no property “{name}”.")


def _inner_faults(schema: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        yield Fault((*path, "properties"), "An object: each name with its schema.")
    else:
        for name, each in properties.items():
            yield from _faults(each, (*path, "properties", name))
    if "items" in schema:
        yield from _faults(schema["items"], (*path, "items"))
    either = schema.get("anyOf", [])
    if not isinstance(either, list) or ("anyOf" in schema and not either):
        yield Fault((*path, "anyOf"), "A list of schemas.")
        return
    for number, each in enumerate(either):
        yield from _faults(each, (*path, "anyOf", number))


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    return kind.lower() if isinstance(kind, str) else ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _line(lines: Mapping[Path, int], path: Path) -> int:
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
