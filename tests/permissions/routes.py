"""What there is to ask for: every address, every action of the admin, every socket path."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from config.apps import discover_admin
from tests.permissions.furniture import Furniture
from tests.permissions.rows import Row

# The admin's last pattern, which has no name.
LAST = "admin:(?P<url>.*)$"


def routes() -> dict[str, URLPattern]:
    """Each address that answers HTTP, by its name; one without a name, by its pattern."""
    found: dict[str, URLPattern] = {}
    for name, pattern in _below(get_resolver(), ""):
        if name in found:
            raise AssertionError(f"two routes have the name {name!r}")
        found[name] = pattern
    return found


def _below(resolver: URLResolver, namespace: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _below(each, f"{each.namespace}:" if each.namespace else namespace)
        else:
            yield f"{namespace}{each.name or each.pattern}", each


def registered() -> dict[type[Model], Any]:
    """The models that the admin shows."""
    discover_admin()
    return dict(admin.site._registry)  # noqa: SLF001 - there is no other way to see them all


def actions() -> set[tuple[type[Model], str]]:
    """What the admin's lists can do to chosen rows."""
    return {
        (model, action if isinstance(action, str) else action.__name__)
        for model, each in registered().items()
        for action in each.actions or ()
    }


def socket_paths() -> list[str]:
    """The patterns of the paths that answer a WebSocket, in their order."""
    from config.asgi import sockets  # noqa: PLC0415 - it starts what tests of pages do not need

    return [str(each.pattern) for each in sockets]


def address_of(name: str, row: Row, furniture: Furniture) -> str:
    arguments = dict(row.arguments)
    if row.of is not None:
        arguments[_argument_of(name, row)] = furniture.rows[row.of].pk
    if name == LAST:
        return "/admin/there-is-nothing/"
    return reverse(name, kwargs=arguments)


def _argument_of(name: str, row: Row) -> str:
    """The name of the argument that takes the id."""
    pattern = routes()[name].pattern
    names = pattern.converters or pattern.regex.groupindex
    [argument] = set(names) - set(row.arguments)
    return str(argument)
