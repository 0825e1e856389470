"""What a program that was written against an OpenAPI document would miss in a newer one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
# A bound of what may be sent: (name, whether a smaller one is narrower).
BOUNDS = (
    ("maxLength", True),
    ("maximum", True),
    ("maxItems", True),
    ("minLength", False),
    ("minimum", False),
    ("minItems", False),
)


def narrowings(old: Json, new: Json) -> list[str]:
    """Each a sentence. Whatever is only added is none."""
    found = list(_of_paths(old, new))
    codes, now = old.get("x-problem-codes", {}), new.get("x-problem-codes", {})
    found += [
        f"the code {code} of {status} is gone, or has another status"
        for code, status in codes.items()
        if now.get(code) != status
    ]
    return found


def _of_paths(old: Json, new: Json) -> Iterator[str]:
    for path, operations in old["paths"].items():
        for method in METHODS:
            if method not in operations:
                continue
            name = f"{method.upper()} {path}"
            later = new["paths"].get(path, {}).get(method)
            if later is None:
                yield f"{name} is gone"
            else:
                yield from _Pair(old, new).operation(name, operations[method], later)


class _Pair:
    """The two documents, each of which knows what its own references mean."""

    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new

    def operation(self, name: str, old: Json, new: Json) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{name}: its operationId is another"
        yield from self.parameters(name, old.get("parameters", []), new.get("parameters", []))
        yield from self.bodies(name, old.get("requestBody"), new.get("requestBody"))
        for status, response in old["responses"].items():
            if status not in new["responses"]:
                yield f"{name}: it does not answer {status} any more"
                continue
            before = _followed(self.old, response).get("content", {})
            after = _followed(self.new, new["responses"][status]).get("content", {})
            for kind in before:
                where = f"{name} {status} {kind}"
                if kind not in after:
                    yield f"{where}: gone"
                    continue
                told = before[kind].get("schema", {}), after[kind].get("schema", {})
                yield from self.told(where, *told, ())

    def parameters(self, name: str, old: list[Json], new: list[Json]) -> Iterator[str]:
        before = {_key(each): each for each in (_followed(self.old, each) for each in old)}
        after = {_key(each): each for each in (_followed(self.new, each) for each in new)}
        for key, parameter in before.items():
            if key not in after:
                yield f"{name}: the parameter {key[0]} is gone"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{name}: the parameter {key[0]} has to be sent now"
            asked = parameter.get("schema", {}), after[key].get("schema", {})
            yield from self.asked(f"{name} {key[0]}", *asked, ())
        for key, parameter in after.items():
            if key not in before and parameter.get("required"):
                yield f"{name}: the new parameter {key[0]} has to be sent"

    def bodies(self, name: str, old: Json | None, new: Json | None) -> Iterator[str]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield f"{name}: a body has to be sent now"
        if old is None:
            return
        after = (new or {}).get("content", {})
        for kind, content in old["content"].items():
            if kind not in after:
                yield f"{name}: a body of {kind} is not taken any more"
                continue
            asked = content.get("schema", {}), after[kind].get("schema", {})
            yield from self.asked(f"{name} body", *asked, ())

    def told(self, where: str, old: Json, new: Json, above: tuple[str, ...]) -> Iterator[str]:
        """What is answered: nothing that was there may be missing, or of another kind."""
        if (ref := old.get("$ref", "")) in above:
            return
        above = (*above, ref) if ref else above
        old, new = _followed(self.old, old), _followed(self.new, new)
        if more := _kinds(new) - _kinds(old) if _kinds(old) else set():
            yield f"{where}: it may be {', '.join(sorted(more))} now"
        for name, inner in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{where}: {name} is gone"
                continue
            if name in old.get("required", []) and name not in new.get("required", []):
                yield f"{where}: {name} may be missing now"
            yield from self.told(f"{where}.{name}", inner, new["properties"][name], above)
        if "items" in old:
            yield from self.told(f"{where}[]", old["items"], new.get("items", {}), above)

    def asked(self, where: str, old: Json, new: Json, above: tuple[str, ...]) -> Iterator[str]:
        """What may be sent: everything that was good stays good."""
        if (ref := old.get("$ref", "")) in above:
            return
        above = (*above, ref) if ref else above
        old, new = _followed(self.old, old), _followed(self.new, new)
        if _kinds(new) and (less := _kinds(old) - _kinds(new)):
            yield f"{where}: it may not be {', '.join(sorted(less))} any more"
        if "enum" in new and (less := set(map(str, old.get("enum", ["*"]))) - _texts(new)):
            yield f"{where}: {', '.join(sorted(less))} is not taken any more"
        yield from _tighter(where, old, new)
        for name in set(new.get("required", [])) - set(old.get("required", [])):
            yield f"{where}: {name} has to be sent now"
        for name, inner in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{where}: {name} is not taken any more"
                continue
            yield from self.asked(f"{where}.{name}", inner, new["properties"][name], above)
        if "items" in old:
            yield from self.asked(f"{where}[]", old["items"], new.get("items", {}), above)


def _tighter(where: str, old: Json, new: Json) -> Iterator[str]:
    for bound, smaller in BOUNDS:
        if bound not in new or old.get(bound) == new[bound]:
            continue
        if bound not in old or (new[bound] < old[bound]) is smaller:
            yield f"{where}: {bound} is {new[bound]} now"


def _followed(document: Json, node: Json) -> Json:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    for whole in ("allOf", "oneOf", "anyOf"):
        # drf-spectacular writes these around a reference, with a word or with null.
        parts = [each for each in node.get(whole, []) if each.get("type") != "null"]
        if len(parts) == 1:
            return _followed(document, parts[0])
    return node


def _key(parameter: Json) -> tuple[str, str]:
    return parameter["name"], parameter["in"]


def _kinds(schema: Json) -> set[str]:
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _texts(schema: Json) -> set[str]:
    return set(map(str, schema["enum"]))
