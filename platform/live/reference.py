"""Every public name with its contract, as a page: `docs/reference/live-library.md`.

python -m live.reference docs/reference/live-library.md
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

import live

_WIDTH = 88
_HEAD = """\
# The library `live`

Every public name with its contract, drawn from the code of `platform/live`; do not edit. To draw it
anew:

```
PYTHONPATH=platform .venv/bin/python -m live.reference docs/reference/live-library.md
```

[A conversation from a script](live-quickstart.md) shows them at work.
"""
# Where a name comes from, and under which heading it stands: the first that fits.
SECTIONS: tuple[tuple[str, str], ...] = (
    ("live.client", "A session"),
    ("live.session", "What a session knows, without I/O"),
    ("live.setup", "What a session is to be"),
    ("live.events", "What a session tells"),
    ("live.transcript", "Who said what"),
    ("live.messages", "Messages and their parts"),
    ("live.endpoint", "Endpoints"),
    ("live.auth", "Ways in"),
    ("live.adc", "Ways in"),
    ("live.keyfile", "Ways in"),
    ("live.environment", "Ways in"),
    ("live.user_oauth", "Ways in"),
    ("live.loopback", "Ways in"),
    ("live.ephemeral", "Ephemeral tokens"),
    ("live.key_admin", "Keys of a service account"),
    ("live.checkup", "What works of a credential"),
    ("live.findings", "What works of a credential"),
    ("live.errors", "Errors"),
)
CONSTANTS = {
    "DEVELOPER_SCOPES": ("live.auth", "The OAuth scopes that the Gemini Developer API wants."),
    "VERTEX_SCOPES": ("live.auth", "The OAuth scope that Vertex AI wants."),
    "GO_AWAY": ("live.events", "The `code` of a `Disconnected` that the service asked for."),
}


def page() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for title in dict.fromkeys(title for _, title in SECTIONS):
        names = [name for name in live.__all__ if section_of(name) == title]
        if names:
            parts += [f"## {title}", *map(entry, names)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def section_of(name: str) -> str:
    """The heading under which a name stands. Raises `LookupError` for one that has no place."""
    module = CONSTANTS[name][0] if name in CONSTANTS else getattr(live, name).__module__
    for prefix, title in SECTIONS:
        if module.startswith(prefix):
            return title
    raise LookupError(f"{name} of {module} stands under no heading")


def entry(name: str) -> str:
    """A name, how it is called, and what it promises."""
    if name in CONSTANTS:
        return f"### {name}\n\n{CONSTANTS[name][1]} {_code(repr(getattr(live, name)))}"
    thing = getattr(live, name)
    lines = [f"### {name}", contract(thing)]
    if not inspect.isclass(thing):
        return "\n\n".join([lines[0], f"```python\n{_signature(name, thing)}\n```", *lines[1:]])
    if bases := [_code(base.__name__) for base in _public_bases(thing)]:
        lines.insert(1, f"A kind of {', '.join(bases)}.")
    if made_of := list(_fields(thing)):
        lines.append("\n".join(("Fields:", "", *made_of)))
    return "\n\n".join([*lines, *_members(thing)])


def contract(thing: Any) -> str:
    """What the docstring promises, or the one of what it overrides; empty without one."""
    return inspect.getdoc(thing) or ""


def _signature(name: str, function: Any) -> str:
    """As the source has it, a line for each parameter when it is long."""
    source = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(source, ast.FunctionDef | ast.AsyncFunctionDef):
        raise TypeError(f"{name} is no function")
    source.body, source.decorator_list, source.name = [ast.Pass()], [], name
    whole = ast.unparse(source).removesuffix(":\n    pass")
    if len(whole) <= _WIDTH:
        return whole
    head = whole.partition("(")[0]
    returns = ast.unparse(source.returns) if source.returns else "None"
    parameters = ",\n    ".join(_parameters(source.args))
    return f"{head}(\n    {parameters},\n) -> {returns}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    """The parameters that have a name: positional ones, and those by keyword only."""
    positional = [*arguments.posonlyargs, *arguments.args]
    without = len(positional) - len(arguments.defaults)
    for number, each in enumerate(positional):
        default = arguments.defaults[number - without] if number >= without else None
        yield _parameter(each, default)
    if arguments.vararg:
        yield f"*{ast.unparse(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    yield from map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg:
        yield f"**{ast.unparse(arguments.kwarg)}"


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    written = ast.unparse(argument)
    return written if default is None else f"{written} = {ast.unparse(default)}"


def _public_bases(kind: type) -> list[type]:
    return [base for base in kind.__bases__ if getattr(live, base.__name__, None) is base]


def _fields(kind: type) -> Iterator[str]:
    """A line for each field or member, with its type and its default."""
    if issubclass(kind, Enum):
        yield from (f"* {_code(each.name)}: {_code(repr(each.value))}" for each in kind)
    elif issubclass(kind, msgspec.Struct):
        told = {name for base in _public_bases(kind) for name in _struct_fields(base)}
        types = {
            name: each
            for base in kind.__mro__
            for name, each in inspect.get_annotations(base).items()
        }
        for each in msgspec.structs.fields(kind):
            if each.name not in told:
                yield _field(each.name, types[each.name], each.default)
    elif is_dataclass(kind):
        yield from (_field(each.name, str(each.type), each.default) for each in fields(kind))


def _struct_fields(kind: type) -> Iterator[str]:
    if issubclass(kind, msgspec.Struct):
        yield from kind.__struct_fields__


def _field(name: str, kind: str, default: object) -> str:
    if default is MISSING or default is msgspec.NODEFAULT:
        return f"* {_code(f'{name}: {kind}')}"
    shown = default.__name__ if isinstance(default, type) else repr(default)
    return f"* {_code(f'{name}: {kind} = {shown}')}"


def _members(kind: type) -> Iterator[str]:
    """An entry for each public property and method of its own."""
    for name, member in vars(kind).items():
        if name.startswith("_") and not (name == "__init__" and member.__doc__):
            continue
        if isinstance(member, property):
            yield f"#### {kind.__name__}.{name}\n\n{contract(member)}"
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            function = getattr(kind, name)
            title = kind.__name__ if name == "__init__" else f"{kind.__name__}.{name}"
            how = f"```python\n{_signature(name, function)}\n```"
            yield f"#### {title}\n\n{how}\n\n{contract(function)}"


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
