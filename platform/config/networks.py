"""Networks and hosts as the environment names them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from django.core.exceptions import ImproperlyConfigured


def networks(setting: str, given: Iterable[str]) -> list[str]:
    """Addresses and networks. Raises ImproperlyConfigured, which names the setting."""
    names = [name.strip() for name in given]
    try:
        for name in names:
            ip_network(name, strict=False)
    except ValueError:
        raise ImproperlyConfigured(
            f"{setting} is a list of addresses and networks: 10.0.0.7,10.1.0.0/16."
        ) from None
    return names


def host_names(setting: str, given: Iterable[str]) -> list[str]:
    """Names of hosts, in small letters. Raises ImproperlyConfigured, which names the setting."""
    names = [name.strip().lower() for name in given]
    if any(not name or set(name) & set("/@ ") for name in names):
        raise ImproperlyConfigured(
            f"{setting} is a list of host names: erp.intern.example,*.svc.example."
        )
    return names
