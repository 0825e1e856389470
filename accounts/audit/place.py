"""Where an act came from: the address, the browser, the request.

The middleware sets the place for the time of a request, and whatever is recorded meanwhile
gets it. Like the tenant's scope it follows `await`, `sync_to_async` and `in_database`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.ids import uuid7

USER_AGENT_LENGTH = 200
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# What the database refuses or a terminal obeys.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """`ip` is None and the texts are empty for what is not known."""

    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""
    # The origin of the page that asks, as a browser tells it.
    origin: str = ""


NOWHERE = Place()
_place: ContextVar[Place] = ContextVar("audit_place", default=NOWHERE)


def current_place() -> Place:
    """Where the running code was asked from; NOWHERE in tasks and commands."""
    return _place.get()


@contextmanager
def at_place(place: Place) -> Iterator[None]:
    """Give whatever is recorded inside this place."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def place_of_request(request: HttpRequest) -> Place:
    """The place a page or an endpoint is asked from."""
    return _place_of(request.META.get("REMOTE_ADDR") or "", request.headers)


def place_of_socket(scope: Any) -> Place:
    """The place a socket comes from, out of its ASGI scope."""
    names = {
        name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]
    }
    return _place_of((scope.get("client") or ("",))[0], names)


def client_address(peer: str, forwarded_for: str) -> str | None:
    """The address of whoever asks: the nearest one that is no proxy of ours.

    Each proxy appends to X-Forwarded-For who asked it, so the header is read from its end, and
    only as far as TRUSTED_PROXIES vouch for it. None when nothing is known: a unix socket.
    """
    client = _address(peer)
    for hop in reversed(forwarded_for.split(",")):
        further = _address(hop)
        if further is None or not is_trusted(client):
            break
        client = further
    return client


def is_trusted(address: str | None) -> bool:
    """Whether `address` is one of TRUSTED_PROXIES."""
    if address is None:
        return False
    networks = _networks(tuple(settings.TRUSTED_PROXIES))
    return any(ip_address(address) in network for network in networks)


def _place_of(peer: str, headers: Any) -> Place:
    given = headers.get("X-Request-Id", "")
    taken = is_trusted(_address(peer)) and _REQUEST_ID.fullmatch(given)
    return Place(
        ip=client_address(peer, headers.get("X-Forwarded-For", "")),
        user_agent=_CONTROL.sub(" ", headers.get("User-Agent", ""))[:USER_AGENT_LENGTH],
        request_id=given if taken else str(uuid7()),
        origin=headers.get("Origin", ""),
    )


def _address(text: str) -> str | None:
    text = text.strip()
    if ported := _WITH_PORT.fullmatch(text):
        text = ported["v6"] or ported["v4"]
    try:
        # Without the zone of a link-local address: the database has no place for it.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


@lru_cache
def _networks(texts: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    return [ip_network(text, strict=False) for text in texts]
