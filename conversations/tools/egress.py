"""Where the tools of a tenant may reach: the hosts on its list, out in the internet.

The address is judged when the connection is made, and it is the one that is dialled: a name that
leads elsewhere the next time (DNS rebinding) gains nothing. Private addresses are for hosts that
the operator has named in TOOL_PRIVATE_HOSTS; those where clouds keep secrets are for nobody.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from accounts.egress import Address, NoSuchHost, addresses_of, is_nobodys, is_public
from conversations.tools.outcomes import CallFailed

# A resolver that hangs holds one of these for as long as it likes, and no other thread.
_RESOLVERS = ThreadPoolExecutor(8, "tool-names")
_MOST_TRIED = 3
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")


class Refused(CallFailed):
    """The address may not be asked. The text says who can change that."""

    def __init__(self, message: str) -> None:
        super().__init__("not_allowed", "The tool's address may not be asked.", summary=message)


class Unreachable(CallFailed):
    """There is no connection. Nothing was sent."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(
            "unreachable", "The tool's server could not be reached.", summary=f"{host}: {why}"
        )


@dataclass(frozen=True, slots=True)
class Egress:
    """`hosts` are a tenant's allowed names, `private` those of the operator's setting. A name
    that begins with `*.` stands for all below it."""

    hosts: frozenset[str]
    private: frozenset[str]
    tls: ssl.SSLContext = field(repr=False)

    def check(self, url: str) -> SplitResult:
        """Whether such an address may be asked at all, before its name is looked up.

        Raises Refused.
        """
        parts = split(url)
        host = host_of(parts)
        if not covers(self.hosts, host):
            raise Refused(
                f"{host} is not one of the organisation's allowed hosts. An admin can add it."
            )
        if parts.scheme == "http" and not covers(self.private, host):
            raise Refused("The address has to begin with https://.")
        return parts

    async def connect(
        self, parts: SplitResult
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the host of a checked address.

        Raises Refused and Unreachable.
        """
        host, port = host_of(parts), port_of(parts)
        tls = self.tls if parts.scheme == "https" else None
        last: OSError = OSError("no address")
        for address in (await self._allowed(host, port))[:_MOST_TRIED]:
            try:
                return await asyncio.open_connection(
                    str(address), port, ssl=tls, server_hostname=host if tls else None
                )
            except OSError as error:  # ssl.SSLError is one
                last = error
        raise Unreachable(host, _reason(last)) from None

    async def _allowed(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(_RESOLVERS, addresses_of, host, port)
        except NoSuchHost:
            raise Unreachable(host, "there is no host of this name.") from None
        allowed = [address for address in found if self.may_dial(host, address)]
        if not allowed:
            raise Refused(
                f"{host} leads to an address inside this network. An operator of this service can "
                "allow it with TOOL_PRIVATE_HOSTS."
            )
        return allowed

    def may_dial(self, host: str, address: Address) -> bool:
        if is_nobodys(address):
            return False
        return is_public(address) or covers(self.private, host)


def split(url: str) -> SplitResult:
    """The parts of an http or https address. Raises Refused for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for one that is no number
    except ValueError:
        raise Refused("This is no address. It begins with https://.") from None
    is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not is_plain:
        raise Refused("This is no address. It begins with https://, in plain letters.")
    if parts.username is not None or parts.fragment:
        raise Refused("An address holds no user name, no password and no #.")
    return parts


def host_of(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a host is among the names, by itself or below one that begins with `*.`."""
    return any(
        host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in names
    )


def is_host_name(text: str) -> bool:
    """Whether it can stand in a list of hosts: a name, `*.` and a name, or an address."""
    try:
        ip_address(text)
    except ValueError:
        # `*.com` would be half of the internet.
        enough = not text.startswith("*.") or text.count(".") > 1
        return enough and len(text) <= 253 and ".." not in text and bool(_NAME.fullmatch(text))
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not good."
    if isinstance(error, ssl.SSLError):
        return "it speaks no TLS that can be trusted."
    return "the connection was refused."
