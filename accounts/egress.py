"""Where a server of ours may connect to when somebody else has typed the address.

A name is looked up once, and the connection goes to an address that was looked at: a name that
changes its mind in between leads nowhere else.
"""

import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import certifi

Address = IPv4Address | IPv6Address

# Where clouds tell a machine its own secrets, beside the link-local addresses.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
_NAT64 = ip_network("64:ff9b::/96")
# Set aside by IANA, and public to older versions of Python.
_SET_ASIDE = tuple(map(ip_network, ("192.0.0.0/24", "64:ff9b:1::/48")))


class NoSuchHost(Exception):
    """A name has no address."""


def addresses_of(host: str, port: int) -> list[Address]:
    """Look a name up; each address once, in the resolver's order. It blocks.

    Raises NoSuchHost.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NoSuchHost(host) from None
    named = (ip_address(str(place[0]).partition("%")[0]) for *_, place in found)
    return list(dict.fromkeys(named))


def is_public(address: Address) -> bool:
    """Whether it is out in the internet, also when an IPv6 address leads to an IPv4 one."""
    target = inner(address)
    if is_nobodys(target) or any(target in network for network in _SET_ASIDE):
        return False
    return target.is_global and not target.is_private and not target.is_reserved


def is_nobodys(address: Address) -> bool:
    """Whether nothing that somebody may ask lives there, in any network: link-local addresses,
    those where clouds keep secrets, groups, and the address that is none."""
    target = inner(address)
    return (
        target.is_link_local
        or target.is_multicast
        or target.is_unspecified
        or target in _METADATA
        or address in _METADATA
    )


def inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def tls_context() -> ssl.SSLContext:
    """The common authorities, and those that this machine trusts besides. Loading them takes
    tens of milliseconds."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
