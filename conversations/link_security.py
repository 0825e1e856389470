"""Who may speak on the link, and inside what: its secret and its TLS, from the settings."""

import hashlib
import hmac
import ssl

from django.conf import settings


def link_secret() -> bytes:
    """The key that web and worker processes know each other by; derived, never stored."""
    key = settings.SECRET_KEY.encode()
    return hmac.digest(key, b"parley link v1", hashlib.sha256)


def worker_tls() -> ssl.SSLContext | None:
    """What workers show to web processes. Raises OSError when its files cannot be used."""
    if not settings.LINK_TLS_CERT:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.LINK_TLS_CERT, settings.LINK_TLS_KEY or None)
    return context


def web_tls() -> ssl.SSLContext | None:
    """Whom web processes believe to be a worker. Raises OSError when the file cannot be used."""
    if not settings.LINK_TLS_CA:
        return None
    return ssl.create_default_context(cafile=settings.LINK_TLS_CA)
