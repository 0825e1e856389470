"""Which addresses this server sends a tenant's secrets to.

A tenant's people upload files that name addresses. Google's are always good; beyond these only
what an operator has set: for the whole platform, or in a credential of the tenant.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import Credential

_GOOGLE = ".googleapis.com"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_google(url: str) -> bool:
    """Whether the address is Google's own, over TLS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and f".{parts.hostname or ''}".endswith(_GOOGLE)


def origin_of(url: str) -> str:
    """`scheme://host:port` in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def other_origins() -> list[str]:
    """The origins beside Google's that the tenant in scope may use, in a steady order."""
    return list(dict.fromkeys(_origins()))


def may_be_used(url: str) -> bool:
    """Whether the tenant in scope may have this server ask the address."""
    try:
        if is_google(url) or origin_of(url) in other_origins():
            return True
        return bool(settings.DEMO) and urlsplit(url).hostname in _LOOPBACK
    except ValueError:  # no address at all
        return False


def _origins() -> Iterator[str]:
    if not is_google(settings.GEMINI_BASE_URL):
        yield origin_of(settings.GEMINI_BASE_URL)
    for url in Credential.objects.exclude(base_url="").values_list("base_url", flat=True):
        yield origin_of(url)
