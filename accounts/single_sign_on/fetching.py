"""Asking an identity provider over the network, whose address a tenant's people have typed.

The name is looked up once, and the connection goes to the very address that was checked: a name
that changes its mind in between leads nowhere else. Redirects are not followed.
"""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError

from accounts.egress import Address, NoSuchHost, addresses_of, inner, is_public, tls_context

CONNECT_S = 5.0
ALL_S = 10.0
MOST_BYTES = 256 * 1024
_PIECE = 16 * 1024


class FetchFailed(Exception):
    """There is no answer to use. The text says why, and names nothing but the host."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Mapping[str, Any]  # empty if it is no JSON object

    @property
    def is_good(self) -> bool:
        return self.status == HTTPStatus.OK and bool(self.body)


def fetch(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET a JSON object, or POST `form` for one.

    Raises:
        FetchFailed: the address may not be asked, or there is no complete answer in time.
    """
    parts = check_address(url)
    sent = {"Host": parts.netloc, "Accept": "application/json", **(headers or {})}
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    path = parts.path or "/"
    try:
        with _pool(parts) as pool:
            answer = pool.urlopen(
                "GET" if form is None else "POST",
                f"{path}?{parts.query}" if parts.query else path,
                body=None if form is None else urlencode(form),
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            return Answer(answer.status, _object(_read(answer, parts)))
    except HTTPError as error:
        raise FetchFailed(f"{parts.hostname} gives no answer: {_reason(error)}.") from None


def check_address(url: str) -> SplitResult:
    """Whether such an address may be asked at all, before its name is looked up.

    Raises:
        FetchFailed: it is not https, or not an address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for one that is no number
    except ValueError:
        raise FetchFailed("This is not an address. It begins with https://.") from None
    if not parts.hostname or port == 0 or parts.username or parts.fragment:
        raise FetchFailed("This is not an address. It begins with https://.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_own(parts.hostname)):
        raise FetchFailed("The address has to begin with https://.")
    return parts


def may_connect(address: Address) -> bool:
    """Whether it is out in the internet, or in a network that the operator has named."""
    target = inner(address)
    return any(target in network for network in _internal_networks()) or is_public(address)


def _internal_networks() -> list[Any]:
    return [ip_network(name, strict=False) for name in settings.SSO_INTERNAL_NETWORKS]


def _is_own(host: str) -> bool:
    """Whether plain http will do: a loopback address that the operator has allowed."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and may_connect(address)


def _pool(parts: SplitResult) -> HTTPConnectionPool:
    host = parts.hostname or ""
    address = _address_of(host, parts.port or 443)
    timeout = Timeout(connect=CONNECT_S, read=CONNECT_S)
    if parts.scheme == "http":
        return HTTPConnectionPool(address, parts.port or 80, timeout=timeout)
    return HTTPSConnectionPool(
        address,
        parts.port or 443,
        timeout=timeout,
        ssl_context=tls_context(),
        server_hostname=host,
        assert_hostname=host,
    )


def _address_of(host: str, port: int) -> str:
    try:
        found = addresses_of(host, port)
    except NoSuchHost:
        raise FetchFailed(f"There is no host with the name {host}.") from None
    for address in found:
        if may_connect(address):
            return str(address)
    raise FetchFailed(
        f"{host} is an address inside this network, which is not asked. An operator of this "
        "service can allow it with SSO_INTERNAL_NETWORKS."
    )


def _read(answer: BaseHTTPResponse, parts: SplitResult) -> bytes:
    last = time.monotonic() + ALL_S
    content = b""
    while piece := answer.read1(_PIECE):
        content += piece
        if len(content) > MOST_BYTES:
            raise FetchFailed(f"{parts.hostname} answers with more than 256 KiB.")
        if time.monotonic() > last:
            raise FetchFailed(f"{parts.hostname} takes longer than ten seconds to answer.")
    return content


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _reason(error: HTTPError) -> str:
    cause = error.args[-1] if error.args else error
    if isinstance(cause, ssl.SSLError) or "certificate" in str(error).lower():
        return "its certificate is not good"
    if "timed out" in str(error).lower():
        return "it takes too long"
    return "the connection was refused or broke"
