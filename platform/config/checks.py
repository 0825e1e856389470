"""System checks: settings that each work but together are not safe to serve with.

`settings.py` stops at a value that is missing or malformed. What stands here needs more
than one setting, or a look at the machine. Errors stop `manage.py`; with DEMO=1 the
insecure ones are what was asked for.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from conversations.link_security import web_tls, worker_tls

SECRET_KEY_CHARS = 50  # what `startproject` makes, and what Django's own deploy check asks for
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@register(Tags.security)
def check_insecure_settings(**_: Any) -> list[CheckMessage]:
    """What DEMO=1 allows, and nothing else does."""
    return [] if settings.DEMO else list(insecure_settings())


def insecure_settings() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error("DEBUG is on.", hint="It shows settings to visitors.", id="config.E001")
    if len(settings.SECRET_KEY) < SECRET_KEY_CHARS:
        yield Error(
            f"SECRET_KEY is shorter than {SECRET_KEY_CHARS} characters.",
            hint="Set one made by `python -c 'import secrets; print(secrets.token_urlsafe(64))'`.",
            id="config.E002",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS allows every host.",
            hint="Name the hosts Parley is served at.",
            id="config.E003",
        )
    address = urlsplit(settings.PUBLIC_URL)
    if address.scheme != "https" and address.hostname not in LOOPBACK:
        yield checks.Warning(
            "PUBLIC_URL is not https: cookies and speech travel in the clear, and browsers "
            "give no microphone to such a page.",
            hint="Serve Parley behind TLS and set PUBLIC_URL to its https address.",
            id="config.W001",
        )


@register(Tags.security)
def check_cookies(**_: Any) -> list[CheckMessage]:
    """A cookie sent over plain HTTP once is a log-in given away."""
    if not settings.PUBLIC_URL.startswith("https://"):
        return []
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    return [
        Error(f"{name} is off although PUBLIC_URL is https.", id="config.E004")
        for name in names
        if not getattr(settings, name)
    ]


@register(Tags.security)
def check_keyset(**_: Any) -> list[CheckMessage]:
    """Without the keyset no stored credential opens. A missing file is only a warning: the
    command that creates it runs these checks first."""
    path = Path(settings.KEYSET_FILE)
    if not path.exists():
        return [
            checks.Warning(
                f"KEYSET_FILE names {path.name}, which does not exist.",
                hint="Create it with `python manage.py keyset create`.",
                id="config.W002",
            )
        ]
    if not (path.is_file() and os.access(path, os.R_OK)):
        return [Error(f"KEYSET_FILE ({path.name}) cannot be read.", id="config.E005")]
    return []


@register(Tags.security)
def check_link_tls(**_: Any) -> list[CheckMessage]:
    """Half of it, or a file that cannot be used, would show when the first conversation starts."""
    found: list[CheckMessage] = []
    if bool(settings.LINK_TLS_CERT) != bool(settings.LINK_TLS_CA):
        found.append(
            Error(
                "LINK_TLS_CERT and LINK_TLS_CA go together.",
                hint="Set both in web processes and workers alike, or neither.",
                id="config.E006",
            )
        )
    found += unusable("LINK_TLS_CERT or LINK_TLS_KEY", worker_tls)
    found += unusable("LINK_TLS_CA", web_tls)
    return found


def unusable(names: str, load: Callable[[], ssl.SSLContext | None]) -> list[CheckMessage]:
    try:
        load()
    except OSError as error:
        return [
            Error(
                f"{names} names a file that cannot be used: {type(error).__name__}.",
                hint="Give PEM files that this process may read, the key without a password.",
                id="config.E007",
            )
        ]
    return []
